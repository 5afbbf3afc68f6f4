"""The operating system as the pipeline uses it: atomic writes, logs, interruption, secrets."""
