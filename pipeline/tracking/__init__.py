"""Mirrors runs into a tracking server; nothing of a run waits for it or fails with it."""
