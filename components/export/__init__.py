"""TFX components that export, check and push a model."""
