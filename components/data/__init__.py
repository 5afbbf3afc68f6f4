"""Reads a user's files, for profiling before a run and for ExampleGen in it."""
