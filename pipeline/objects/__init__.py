"""User-defined losses, metrics, layers and networks: found, validated and copied for a run."""
