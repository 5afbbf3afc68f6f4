"""What a run came to, for people: figures, tables, statistics of its data, and one page."""
