"""Signatures of an exported model, and its warm-up requests."""
