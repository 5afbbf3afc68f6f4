"""The name under which both generations of Keras register the objects."""

PACKAGE = "custom_objects"
"""The name before ``>`` in saved models."""
