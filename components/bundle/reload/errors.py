"""The error of a loader."""

from __future__ import annotations


class ReloadError(Exception):
    """The bundle is not as it was written, or this machine cannot run it."""
