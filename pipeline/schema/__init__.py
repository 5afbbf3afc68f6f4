"""The schema that a user pins: its file, and how it is widened by new data."""
