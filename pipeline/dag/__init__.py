"""The pipeline's nodes, the config of each, and what feeds what."""
