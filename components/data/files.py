"""The files of a data set."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

from huberflow.custom_objects.input_error import InputError

FileFormat = Literal["csv", "parquet", "tfrecord"]


@dataclass(frozen=True)
class Source:
    """Files of one format."""

    file_format: FileFormat
    files: tuple[Path, ...]
    """At least one, in the order of their names; all are compressed by gzip, or none is."""
    missing: tuple[str, ...] = ()
    """Texts that are missing values in every column."""
    amounts: Mapping[str, str] = field(default_factory=dict)
    """Columns that are read as numbers, and the format of their amounts."""

    @property
    def compressed(self) -> bool:
        """Whether the files are compressed by gzip."""
        return is_compressed(self.files[0])


def is_compressed(file: Path) -> bool:
    """Whether a file's name ends in ``.gz``."""
    return file.suffix.lower() == ".gz"


def decompressed(file: Path, raw: BinaryIO) -> BinaryIO:
    """The content of an open file, decompressed if its name ends in ``.gz``."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_compressed(file) else raw


def unreadable_file(file: Path, reason: object) -> InputError:
    """The error for a file that a library fails to read."""
    received = f"an error: {' '.join(str(reason).split())}"
    return InputError(str(file), expected="a file that can be read", received=received)


def check_unique(where: str, names: Sequence[str]) -> None:
    """Refuses two columns of one name.

    Raises:
      InputError: a name comes twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                where, expected="each column once", received=f"two of {name!r}", hint="rename one"
            )


def check_names(where: str, names: Sequence[str]) -> None:
    """Refuses names that no column of the data can have; any other text is a name.

    Raises:
      InputError: a name comes twice, is empty, or has a NUL in it.
    """
    check_unique(where, names)
    for place, name in enumerate(names, start=1):
        if not name or "\0" in name:
            received = f"{name!r} for column {place}" if name else f"none for column {place}"
            hint = f"with pandas, write: table.columns.values[{place - 1}] = 'name'"
            raise InputError(where, expected="a name for each column", received=received, hint=hint)
