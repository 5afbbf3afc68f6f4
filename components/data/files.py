"""Files of a data set, and what is said of those that cannot be used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FileFormat = Literal["csv", "parquet", "tfrecord"]


class DataError(ValueError):
    """The data cannot be used; one line for the user: where, expected, received, what to write."""


def unreadable_file(file: Path, reason: object) -> DataError:
    """What a library says of a file that it cannot read, in one line."""
    return DataError(f"{file}: cannot be read: {' '.join(str(reason).split())}")


@dataclass(frozen=True)
class Source:
    """Files of one kind."""

    file_format: FileFormat
    files: tuple[Path, ...]
    """By name, at least one."""
    compressed: bool
    """All of them by gzip, or none."""


def is_compressed(file: Path) -> bool:
    """Whether its name says gzip."""
    return file.suffix.lower() == ".gz"
