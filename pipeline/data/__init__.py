"""Looks at a user's data before a pipeline starts: what is refused, and what each column is for."""
