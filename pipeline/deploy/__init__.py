"""Finds an exported model, checks it, serves it over HTTP, applies it to a file."""
