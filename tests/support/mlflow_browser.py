"""MLflow's pages in a real browser, served by `huberflow ui` as a user starts it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from taxi_workspace import HUBERFLOW

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = [
    "--disable-gpu",
    "--no-first-run",
    # It is to ask nobody for anything but the pages that it is shown.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
]


class MissingBrowserError(Exception):
    """There is none; the message says how to install one."""


@contextmanager
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window.

    Raises:
      MissingBrowserError: the system has none.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise MissingBrowserError(
            f"no browser: expected one of {', '.join(_NAMES)}; write: apt-get install chromium"
        )
    # Chromium refuses to put root into its sandbox.
    options = [*_OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else _OPTIONS
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=options)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def ui(workspace: Path) -> Iterator[str]:
    """`huberflow ui`, which takes a free port; the address that it prints, without the page."""
    command = [HUBERFLOW, "ui", "--workspace", workspace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"huberflow ui ended; see {workspace}/logs/ui.log")
            yield line.removeprefix("MLflow: ").strip().partition("/#/")[0]
        finally:
            process.terminate()


def compare_link(workspace: Path, *runs: str) -> str:
    """What `huberflow compare` prints last, while the UI runs."""
    command = [HUBERFLOW, "compare", "--workspace", workspace, *runs]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]
