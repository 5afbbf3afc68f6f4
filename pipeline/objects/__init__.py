"""A user's own losses, metrics, layers and the like: found, tried, and kept beside a run."""
