"""Finds the files of a data set: one file, a folder of them, or a pattern."""

import difflib
import glob
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from huberflow.components.data.files import DataError, FileFormat, Source, is_compressed

_NAMES: dict[FileFormat, re.Pattern[str]] = {
    "csv": re.compile(r".*\.csv(\.gz)?", re.IGNORECASE),
    "parquet": re.compile(r".*\.parquet", re.IGNORECASE),
    # TFX's own files are named like data_tfrecord-00000-of-00001.gz.
    "tfrecord": re.compile(r".*[._]tfrecords?(-\d+-of-\d+)?(\.gz)?", re.IGNORECASE),
}

_KNOWN = ".csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz"

_CONVERT = (
    "write it as CSV, for example: "
    """python -c "import pandas; pandas.{reader}.to_csv('data.csv', index=False)\""""
)

_READERS = {
    ".xlsx": "read_excel('{}')",
    ".xls": "read_excel('{}')",
    ".json": "read_json('{}')",
    ".jsonl": "read_json('{}', lines=True)",
    ".feather": "read_feather('{}')",
    ".orc": "read_orc('{}')",
    ".tsv": "read_csv('{}', sep='\\t')",
    ".txt": "read_csv('{}', sep=None, engine='python')",
}
"""How pandas reads the formats that we do not."""


def find_source(path: str | Path, key: str = "data.path") -> Source:
    """The files of a data set.

    Args:
      path: a file; a folder, of which all files count but hidden ones and ``_SUCCESS``; or a
        pattern such as ``data/2024-*.csv``.
      key: of the config, under which the path is given.

    Raises:
      DataError: there is nothing, not all of it is of one kind, it cannot be read, or it lies
        beside files that TFX would read too.
    """
    try:
        return _find(Path(path).expanduser())
    except DataError as error:
        raise DataError(f"{key}: {error}") from error


def find_sources(paths: Mapping[str, str]) -> dict[str, Source]:
    """The files of each path, by the config's key that names it.

    Raises:
      DataError: see ``find_source``.
    """
    return {key: find_source(path, key) for key, path in paths.items()}


def merge_sources(found: Mapping[str, Source]) -> Source:
    """The files of several paths, by the config's keys, as one data set.

    Raises:
      DataError: they do not go together, or a file is in two of them.
    """
    first, one = next(iter(found.items()))
    taken: dict[Path, str] = {}
    for key, other in found.items():
        if (one.file_format, one.compressed) != (other.file_format, other.compressed):
            raise DataError(
                f"{key}: expected files like those of {first}, such as {one.files[0].name}, "
                f"received {other.files[0].name}; write all as one kind, compressed all or none"
            )
        for file in other.files:
            if taken.setdefault(file.resolve(), key) != key:
                raise DataError(
                    f"{key}: expected other files than {taken[file.resolve()]}, "
                    f"received {file} in both"
                )
    files = tuple(file for each in found.values() for file in each.files)
    return Source(one.file_format, files, one.compressed)


def _find(path: Path) -> Source:
    if _there(path, Path.is_dir):
        files = _in_folder(path)
    elif _there(path, Path.exists):
        files = [path]
    elif glob.has_magic(str(path)):
        files = _matching(str(path))
    else:
        raise DataError(f"expected a file or folder, received {path}{_nearest(path)}")
    for file in files:
        _check_readable(file)
    kind = _one_kind({file: format_of(file) for file in files})
    compressed = _one_compression(files)
    folder_and_pattern(files)
    return Source(kind, tuple(files), compressed)


def format_of(file: Path) -> FileFormat:
    """What the file's name says it is.

    Raises:
      DataError: no name that we know; says how to convert it.
    """
    for kind, names in _NAMES.items():
        if names.fullmatch(file.name):
            return kind
    if _NAMES["parquet"].fullmatch(file.stem):
        instead = f"Parquet is compressed in itself, write: gunzip {file}"
    else:
        reader = _READERS.get(file.suffix.lower(), "read_csv('{}')").format(file)
        instead = _CONVERT.format(reader=reader)
    raise DataError(f"expected {_KNOWN}, received {file}; {instead}")


def folder_and_pattern(files: Iterable[Path]) -> tuple[str, str]:
    """A folder, and the pattern of these files in it and of no others: TFX knows no lists.

    Raises:
      DataError: they lie beside others that the pattern would take in.
    """
    files = [file.absolute() for file in files]
    base = Path(os.path.commonpath([file.parent for file in files]))
    if len(files) == 1:
        return str(base), files[0].name
    names = [str(file.relative_to(base)) for file in files]
    begin, end = _in_common(names), _in_common([name[::-1] for name in names])[::-1]
    found = f"{begin}*{end}"
    if sorted(base.glob(found)) != sorted(files):
        raise DataError(
            f"expected files that lie by themselves, received {len(files)} in {base} "
            f"beside others like {found}; move them to a folder of their own"
        )
    return str(base), found


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``; did you mean …?``, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {shlex.quote(close[0])}?" if close else ""


def _there(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _in_folder(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error
    files = [entry for entry in entries if entry.is_file() and not _is_left_out(entry)]
    if not files:
        raise DataError(f"expected a folder of files {_KNOWN}, received none in {folder}")
    return files


def _is_left_out(file: Path) -> bool:
    """Hidden ones and the mark that Spark and Hadoop leave when they are done."""
    return file.name.startswith(".") or file.name == "_SUCCESS"


def _matching(pattern: str) -> list[Path]:
    files = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    files = [file for file in files if file.is_file() and not _is_left_out(file)]
    if not files:
        raise DataError(
            f"expected files that match {pattern}, received none; "
            "a pattern is written in quotes: 'folder/*.csv'"
        )
    return files


def _check_readable(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"expected a file or folder, received {file}, which is neither")
    try:
        file.open("rb").close()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read: {error.strerror}")


def _one_kind(kinds: dict[Path, FileFormat]) -> FileFormat:
    first, *others = kinds
    for other in others:
        if kinds[other] != kinds[first]:
            raise DataError(
                f"expected files of one kind, received {kinds[first]} ({first.name}) "
                f"and {kinds[other]} ({other.name}); "
                f"name one kind by a pattern: '{first.parent / ('*' + first.suffix)}'"
            )
    return kinds[first]


def _one_compression(files: list[Path]) -> bool:
    compressed = [file for file in files if is_compressed(file)]
    plain = [file for file in files if not is_compressed(file)]
    if compressed and plain:
        raise DataError(
            f"expected all files compressed or none, received {compressed[0].name} "
            f"and {plain[0].name}; write: gzip {plain[0]}"
        )
    return bool(compressed)


def _in_common(names: list[str]) -> str:
    return os.path.commonprefix(names)  # noqa: RUF071 (character by character, as it is meant)


def _nearest(path: Path) -> str:
    """The nearest name that is there, or the first folder on the way that is not."""
    parent = path.parent
    if not parent.is_dir():
        return f", but there is no folder {parent}"
    close = difflib.get_close_matches(path.name, os.listdir(parent), n=1)
    return ", which is not there" + (f"; did you mean {parent / close[0]}?" if close else "")
