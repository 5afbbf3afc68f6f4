"""Runs side by side: where their settings differ, and their results; read from journals only."""
