"""Repairs of installed packages that the pipeline cannot run without."""
