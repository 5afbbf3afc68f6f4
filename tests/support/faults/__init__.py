"""Strikes runs of the pipeline with faults at drawn points; see docs/reliability.md."""
