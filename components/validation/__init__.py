"""Statistics compared with a schema and with earlier data."""
