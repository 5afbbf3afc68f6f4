"""Finds the files of a data set: one file, a folder of them, or a pattern."""

import difflib
import glob
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from huberflow.components.data import conversions
from huberflow.components.data.files import FileFormat, Source, is_compressed
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.utf8 import check_utf8

_NAMES: dict[FileFormat, re.Pattern[str]] = {
    "csv": re.compile(r".*\.csv(\.gz)?", re.IGNORECASE),
    "parquet": re.compile(r".*\.parquet", re.IGNORECASE),
    # TFX's own files are named like data_tfrecord-00000-of-00001.gz.
    "tfrecord": re.compile(r".*[._]tfrecords?(-\d+-of-\d+)?(\.gz)?", re.IGNORECASE),
}

_SUFFIXES = ".csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz"

_NO_DATA = (".", "_")
"""How names of files begin that are no data."""

_DELTA_LOG = "_delta_log"
"""The folder in which Delta Lake notes which of the files still count."""


def find_source(path: str | Path, key: str = "data.path") -> Source:
    """The files of a data set.

    Args:
      path: a file; a folder, of which all files count, those in folders below too, but not those
        that begin with ``.`` or ``_`` as Spark's marks do; or a pattern such as
        ``data/2024-*.csv``.
      key: of the config, which holds the path.

    Raises:
      InputError: there is no file, not all have one format, one cannot be read or has a name that
        is not UTF-8, or they lie beside files that TFX would read too.
    """
    try:
        files = _files(key, Path(path).expanduser())
        for file in files:
            check_utf8(key, str(file))
            file.open("rb").close()
    except OSError as error:
        received = f"{error.filename} ({error.strerror})"
        raise InputError(key, expected="files that can be read", received=received) from error
    _check_alike(key, files)
    folder_and_pattern(files, key)
    return Source(_format_of(key, files[0]), tuple(files))


def find_sources(paths: Mapping[str, str]) -> dict[str, Source]:
    """The files of each path, by the config's key that holds it; raises as ``find_source``."""
    return {key: find_source(path, key) for key, path in paths.items()}


def merge_sources(sources: Mapping[str, Source]) -> Source:
    """The files of several paths, by the config's keys, as one data set.

    Raises:
      InputError: their formats differ, or a file is in two of them.
    """
    first, one = next(iter(sources.items()))
    key_of: dict[Path, str] = {}
    for key, other in sources.items():
        if (one.file_format, one.compressed) != (other.file_format, other.compressed):
            raise InputError(
                key,
                expected=f"files like those of {first}, such as {one.files[0].name}",
                received=other.files[0].name,
                hint="write all in one format, compressed all or none",
            )
        for file in other.files:
            if key_of.setdefault(file.resolve(), key) != key:
                raise InputError(
                    key,
                    expected=f"other files than {key_of[file.resolve()]}",
                    received=f"{file} in both",
                )
    files = tuple(file for each in sources.values() for file in each.files)
    return Source(one.file_format, files)


def folder_and_pattern(files: Iterable[Path], key: str = "data.path") -> tuple[str, str]:
    """A folder, and a pattern for these files in it and no others; TFX takes no lists of files.

    Raises:
      InputError: the pattern would match other files too.
    """
    files = [file.absolute() for file in files]
    base = Path(os.path.commonpath([file.parent for file in files]))
    while glob.has_magic(str(base)):  # TFX takes the folder for a part of its pattern
        base = base.parent
    names = [file.relative_to(base).parts for file in files]
    if len({len(parts) for parts in names}) > 1:
        by_depth = sorted(files, key=lambda file: len(file.parts))
        raise InputError(
            key,
            expected="files in one folder, or all equally deep in folders below it",
            received=f"{by_depth[0]} and {by_depth[-1]}",
            hint="move those that belong together to a folder of their own, or name them by a "
            "pattern",
            write=f"--data {shlex.quote(str(by_depth[0].with_name(f'*{by_depth[0].suffix}')))}",
        )
    pattern = str(Path(*map(_pattern, zip(*names, strict=True))))
    if sorted(map(Path, glob.glob(str(base / pattern), include_hidden=True))) != sorted(files):
        raise InputError(
            key,
            expected="files that lie by themselves",
            received=f"{len(files)} in {base} beside others like {pattern}",
            hint="move them to a folder of their own",
        )
    return str(base), pattern


def _pattern(names: Iterable[str]) -> str:
    """The narrowest pattern for these names of files, or of folders."""
    names = sorted(set(names))
    if len(names) == 1:
        return glob.escape(names[0])
    begin, end = _common_prefix(names), _common_prefix([name[::-1] for name in names])[::-1]
    shortest = min(map(len, names))
    return f"{glob.escape(begin)}*{glob.escape(end[max(0, len(begin) + len(end) - shortest) :])}"


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A question with the most similar name, if one is similar."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def _format_of(key: str, file: Path) -> FileFormat:
    for file_format, names in _NAMES.items():
        if names.fullmatch(file.name):
            return file_format
    what, command = conversions.by_name(file) or (str(file), None)
    received = what if command is None else f"{file}, {what}"
    raise InputError(key, expected=_SUFFIXES, received=received, write=command)


def _files(key: str, path: Path) -> list[Path]:
    if path.is_dir():
        if files := _data_files(_below(key, path)):
            return files
        expected = f"a folder of files {_SUFFIXES}"
        raise InputError(key, expected=expected, received=f"none in {path}")
    if path.is_file():
        return [path]
    if path.exists():
        raise InputError(key, expected="a file or folder", received=f"{path}, which is neither")
    if glob.has_magic(str(path)):
        if files := _data_files(map(Path, glob.glob(str(path), recursive=True))):
            return files
        expected, hint = (
            f"files that match {path}",
            "a pattern is written in quotes: 'folder/*.csv'",
        )
        raise InputError(key, expected=expected, received="none", hint=hint)
    raise _not_there(key, path)


def _below(key: str, folder: Path) -> Iterator[Path]:
    """All files in a folder and in those below it, but for hidden ones and Spark's marks.

    Raises:
      InputError: only Delta Lake knows which of the files count.
    """
    for path in folder.iterdir():
        if path.name == _DELTA_LOG:
            code = f'spark.read.format("delta").load({json.dumps(str(folder))})'
            raise InputError(
                key,
                expected="files of which all count",
                received=f"{folder}, a Delta Lake table",
                hint=f"write its rows with Spark: {code}.write.parquet(FOLDER)",
            )
        if path.is_dir() and not path.name.startswith(_NO_DATA):
            yield from _below(key, path)
        else:
            yield path


def _data_files(paths: Iterable[Path]) -> list[Path]:
    """The files but hidden ones and the marks that Spark, Hadoop and Databricks leave."""
    return sorted(path for path in paths if path.is_file() and not path.name.startswith(_NO_DATA))


def skipped_files(path: str | Path) -> list[Path]:
    """The files of a folder that are no data by the beginning of their names alone."""
    folder = Path(path).expanduser()
    files = _below("data.path", folder) if folder.is_dir() else ()
    hidden = (file for file in files if file.is_file() and file.name.startswith(_NO_DATA))
    return sorted(
        file for file in hidden if any(names.fullmatch(file.name) for names in _NAMES.values())
    )


def _check_alike(key: str, files: list[Path]) -> None:
    first, form = files[0], _format_of(key, files[0])
    for file in files:
        if (other := _format_of(key, file)) != form:
            raise InputError(
                key,
                expected="files of one format",
                received=f"{form} ({first.name}) and {other} ({file.name})",
                hint="name those of one format by a pattern: "
                + shlex.quote(f"{first.parent}/*{first.suffix}"),
            )
    compressed = [file for file in files if is_compressed(file)]
    plain = [file for file in files if not is_compressed(file)]
    if compressed and plain:
        raise InputError(
            key,
            expected="all files compressed or none",
            received=f"{compressed[0].name} and {plain[0].name}",
            hint="write all of them again, compressed or not, into a folder of their own",
        )


def _common_prefix(names: list[str]) -> str:
    return os.path.commonprefix(names)  # noqa: RUF071 (character by character, on purpose)


def _not_there(key: str, path: Path) -> InputError:
    """The error with the most similar name in the folder, or the folder that does not exist."""
    parent = path.parent
    if not parent.is_dir():
        received, hint = f"{path}, but there is no folder {parent}", None
    else:
        received = f"{path}, which does not exist"
        close = difflib.get_close_matches(path.name, os.listdir(parent), n=1)
        hint = f"did you mean {parent / close[0]}?" if close else None
    return InputError(key, expected="a file or folder", received=received, hint=hint)
