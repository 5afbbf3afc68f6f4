"""Reads the README's blocks, to run them."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


@dataclass(frozen=True)
class Command:
    """A command of the README, and the output that it shows; `...` stands for lines left out."""

    line: str
    shown: list[str]


def blocks(language: str) -> list[str]:
    """The code blocks of one language, in order."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README.read_text(), re.M | re.S)
    return [textwrap.dedent(code) for _, code in found]


def commands() -> list[Command]:
    """What the README tells a user to type, in order."""
    found = []
    for block in blocks("console"):
        line, *shown = block.splitlines()
        found.append(Command(line.removeprefix("$ "), [s for s in shown if s.strip() != "..."]))
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, spacing, folders."""
    line = re.sub(r"/\S+/workspace/", "workspace/", line)
    return " ".join(re.sub(r"[-+]?[\d.,]*\d", "#", line).split())
