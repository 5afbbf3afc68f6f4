"""Metrics by slice, the baseline, and the decision to bless a model."""
