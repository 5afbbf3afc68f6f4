"""The model and its training: what TFX's Trainer runs."""
