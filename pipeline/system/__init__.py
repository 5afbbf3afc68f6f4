"""Helpers around the operating system: atomic writes, logs, interruption, masked secrets."""
