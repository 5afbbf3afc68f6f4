"""Validates user-defined losses, metrics, layers and networks before a pipeline relies on them.

``huberflow.components.objects.validation`` runs in a process of its own, which imports a user's
modules as a Beam worker would; ``huberflow.pipeline.objects.inspection`` starts it.
"""
