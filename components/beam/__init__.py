"""What runs on Beam's workers beside TFX's own steps."""
