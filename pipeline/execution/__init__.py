"""Runs and sweeps: the runner, its display, and the processes of a sweep."""
