"""What runs inside TFX."""
