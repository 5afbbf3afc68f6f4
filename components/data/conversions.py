"""Commands that convert files of other formats; each writes a new file beside, and no other."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

Conversion = tuple[str, str]
"""What a file is, and the command that converts it."""

_TEXT = "dtype=str, keep_default_na=False"
"""For pandas: every field stays as it is written."""

_EXCEL = 'pandas.read_excel({}, engine="calamine").to_csv("new.csv", index=False)'

_BY_SUFFIX = {
    ".xlsx": _EXCEL,
    ".xlsm": _EXCEL,
    ".xlsb": _EXCEL,
    ".xls": _EXCEL,
    ".ods": _EXCEL,
    ".json": 'pandas.read_json({}).to_parquet("new.parquet", index=False)',
    ".jsonl": 'pandas.read_json({}, lines=True).to_parquet("new.parquet", index=False)',
    ".ndjson": 'pandas.read_json({}, lines=True).to_parquet("new.parquet", index=False)',
    ".orc": 'pandas.read_orc({}).to_parquet("new.parquet", index=False)',
    ".tsv": f'pandas.read_csv({{}}, sep="\\t", {_TEXT}).to_csv("new.csv", index=False)',
    ".txt": f'pandas.read_csv({{}}, sep=None, engine="python", {_TEXT})'
    '.to_csv("new.csv", index=False)',
}

_ARROW = (".arrow", ".arrows", ".feather", ".ipc")

_COMPRESSED = (".bz2", ".xz", ".zip", ".zst")


def by_name(file: Path) -> Conversion | None:
    """The conversion of a file that exists, by its name; None where the name says nothing."""
    suffix = file.suffix.lower()
    if suffix in _ARROW:
        return _from_arrow(file)
    if suffix == ".gz" and file.stem.lower().endswith(".parquet"):
        command = f"gunzip -c {shlex.quote(str(file))} > new.parquet"
        return "Parquet that is compressed once more", command
    if suffix in _COMPRESSED:
        return _decompressed(file, "infer")
    if code := _BY_SUFFIX.get(suffix):
        return f"a {suffix} file", _pandas(code, file)
    return None


def by_content(file: Path, content: bytes) -> Conversion | None:
    """The conversion of a file whose name says CSV and whose first bytes do not."""
    for begin, convert in _BY_CONTENT.items():
        if content.startswith(begin):
            return convert(file)
    return None


def _pandas(code: str, file: Path) -> str:
    return _python(f"import pandas; {code.format(json.dumps(str(file), ensure_ascii=False))}")


def _python(code: str) -> str:
    return shlex.join(["python", "-c", code])


def _copy(what: str, suffix: str) -> Callable[[Path], Conversion]:
    return lambda file: (what, shlex.join(["cp", str(file), f"new{suffix}"]))


def _from_arrow(file: Path) -> Conversion:
    """Both of Arrow's formats: the one for files, and the one for streams."""
    with file.open("rb") as opened:
        is_file = opened.read(6) == b"ARROW1"
    reader = "open_file" if is_file else "open_stream"
    name = json.dumps(str(file), ensure_ascii=False)
    code = (
        "import pyarrow.ipc, pyarrow.parquet; "
        f'pyarrow.parquet.write_table(pyarrow.ipc.{reader}({name}).read_all(), "new.parquet")'
    )
    return "an Arrow file", _python(code)


def _decompressed(file: Path, compression: str) -> Conversion:
    read = f'pandas.read_csv({{}}, compression="{compression}", {_TEXT})'
    code = f'{read}.to_csv("new.csv", index=False)'
    return "a compressed file", _pandas(code, file)


_BY_CONTENT: dict[bytes, Callable[[Path], Conversion]] = {
    b"\x1f\x8b": _copy("a file that gzip compressed", ".csv.gz"),
    b"PAR1": _copy("a Parquet file", ".parquet"),
    b"ARROW1": _from_arrow,
    b"BZh": lambda file: _decompressed(file, "bz2"),
    b"\xfd7zXZ\0": lambda file: _decompressed(file, "xz"),
    b"\x28\xb5\x2f\xfd": lambda file: _decompressed(file, "zstd"),
    b"PK\x03\x04": lambda file: ("a workbook, such as Excel's", _pandas(_EXCEL, file)),
    b"\xd0\xcf\x11\xe0": lambda file: ("a workbook, such as Excel's", _pandas(_EXCEL, file)),
}
