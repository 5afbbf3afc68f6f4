"""Reads a user's files: for the look at them before a run, and for ExampleGen in it."""
