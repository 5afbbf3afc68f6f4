"""The schema that a user pins: its file, and how accepted data widen it."""
