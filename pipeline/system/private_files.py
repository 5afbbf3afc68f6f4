"""Files that only their owner may read, because they may hold secrets."""

import os
from pathlib import Path


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


def make_private(file: Path) -> None:
    """Makes an empty file for its owner alone, and its folder too; what is there stays as it is.

    For a database, which gives the files beside it the mode of its own.

    Example::

        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "mlflow", "mlflow.db")
        >>> make_private(file)
        >>> oct(file.parent.stat().st_mode & 0o777), oct(file.stat().st_mode & 0o777)
        ('0o700', '0o600')
    """
    file.parent.mkdir(0o700, parents=True, exist_ok=True)
    if not file.exists():
        open(file, "ab", opener=only_for_owner).close()
