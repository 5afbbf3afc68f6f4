"""A SavedModel with the source of its custom objects and the proof that they work."""
