"""Reads the blocks of the README and of guides, to run them."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE, DEPLOY = ROOT / "docs" / "compare.md", ROOT / "docs" / "deploy.md"
SERVING, SIGNING = ROOT / "docs" / "serving.md", ROOT / "docs" / "signing.md"
YOUR_DATA = ROOT / "docs" / "your-data.md"
KUBEFLOW = ROOT / "docs" / "kubeflow.md"


@dataclass(frozen=True)
class Command:
    """A command of a page, and the output that it shows; `...` stands for lines left out."""

    line: str
    shown: list[str]


def blocks(language: str, page: Path = README) -> list[str]:
    """The code blocks of one language, in order."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page.read_text(), re.M | re.S)
    return [textwrap.dedent(code) for _, code in found]


def commands(page: Path = README) -> list[Command]:
    """What a page tells a user to type, in order."""
    found = []
    for block in blocks("console", page):
        line, *shown = block.splitlines()
        found.append(Command(line.removeprefix("$ "), [s for s in shown if s.strip() != "..."]))
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, which is best, spacing, folders."""
    line = re.sub(r"/\S+/workspace\b", "workspace", line)
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d-]+", "#", line)
    return " ".join(re.sub(r"[-+]?[\d.,]*\d\*?", "#", line).split())
