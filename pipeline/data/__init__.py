"""Profiles a user's data before a pipeline starts, checks them, and infers each column's use."""
