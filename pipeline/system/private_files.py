"""Files that only their owner may read, because they may hold secrets."""

import os


def only_for_owner(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a new file gets the mode 0600.

    Example::

        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "log")
        >>> with open(path, "w", opener=only_for_owner):
        ...     print(oct(path.stat().st_mode & 0o777))
        0o600
    """
    return os.open(path, flags, 0o600)
