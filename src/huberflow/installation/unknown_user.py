"""Users that the system has no entry of, as in containers that run as any number."""

import os
import sys


def name_unknown_user() -> None:
    """Names the user, and a home, where the system knows neither.

    OpenShift and ``docker run --user 1234`` start processes as a number without an entry in
    ``/etc/passwd``. There Python, and so MLflow, NLTK and others, find neither a name nor, where
    ``HOME`` is not set either, a home. ``/nonexistent`` is Debian's home of users without one:
    nobody can put a file there for this process to read.
    """
    if sys.platform == "win32":  # has neither these numbers nor this file
        return
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", str(os.getuid()))
        os.environ.setdefault("HOME", "/nonexistent")
