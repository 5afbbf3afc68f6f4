"""Flink on this machine, for the benchmark and for ``make test-flink``."""
