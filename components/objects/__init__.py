"""Tries a user's own losses, metrics, layers and the like, before a pipeline relies on them.

Runs in a process of its own, ``python -P -m huberflow.components.objects``, which sees a user's
modules as a worker would; ``huberflow.pipeline.objects.inspection`` starts it and asks.
"""
