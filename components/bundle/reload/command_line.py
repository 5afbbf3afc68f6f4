"""The command line of ``reload.py``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .checking import check
from .comparing import in_words, on_another_machine
from .errors import ReloadError
from .integrity import verify
from .origin import signer


def main(arguments: Sequence[str], bundle: Path) -> int:
    """Checks a bundle; without a path, the one that the script lies in. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Checks an exported model on this machine.")
    parser.add_argument("path", nargs="?", default=bundle, help="model folder; default: this one")
    parser.add_argument("--check", action="store_true", help="also compare its values")
    parser.add_argument("--device", choices=["cpu", "gpu"], help="where all ops must run")
    parser.add_argument("--public-key", metavar="FILE", help="also check its signature, first")
    parser.add_argument(
        "--allow-op",
        action="append",
        default=[],
        metavar="OP",
        help="an op that may do more than compute, such as PyFunc; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    report: Mapping[str, Any]
    try:
        signature = signer(options.path, options.public_key)
        if options.check:
            report = check(options.path, options.device, allow_ops=options.allow_op)
            report = {**report, "signature": signature}
        else:
            files = len(verify(options.path)["files"])
            report = {"ok": True, "files": files, "signature": signature}
    except ReloadError as error:
        report = {"ok": False, "error": str(error)}
    except Exception as error:
        report = {"ok": False, "error": f"{type(error).__name__}: {_in_a_line(error)}"}
    _print(json.dumps(report) if options.json else _text(report))
    return 0 if report["ok"] else 1


def _print(text: str) -> None:
    """Prints, also names that the terminal cannot show."""
    encoding = sys.stdout.encoding
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _in_a_line(error: Exception) -> str:
    """The message; of one that Keras put a traceback before, the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next(iter(lines[-1:] if "in user code:" in lines[:1] else lines), "")
    return line.removeprefix(f"{type(error).__name__}: ")


def _text(report: Mapping[str, Any]) -> str:
    if "error" in report:
        return f"refused: {report['error']}"
    if "files" in report:
        return f"{report['files']} files are as they were exported; {report['signature']}"
    lines = [
        f"{in_words(name, each)}: {'ok' if each['ok'] else 'FAILED'}"
        for name, each in report["values"].items()
    ]
    seconds = ", ".join(f"{name} {value:.3f} s" for name, value in report["seconds"].items())
    lines.append(f"on {report['device']}, tolerances of {report['precision']}; {seconds}")
    if report["differences"]:
        lines.append(on_another_machine(report["differences"]))
    lines += [report["statement"], report["signature"]]
    return "\n".join([*lines, "ok" if report["ok"] else "FAILED"])
