"""Takes the screenshots of docs/compare.md: a real sweep, MLflow's real pages, a real browser.

`make screenshots` runs it, in two minutes; `make screenshots ARGS="--workspace FOLDER"` uses a
workspace with a finished sweep over training.loss.config.threshold.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from mlflow_browser import MissingBrowserError, browser, compare_link, ui
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from taxi_workspace import HUBERFLOW

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
WIDTH = 1400
SWEEP = "training.loss.config.threshold=0.5,1.0,2.0,4.0"
TRIALS = ["threshold=0.5", "threshold=1.0", "threshold=2.0", "threshold=4.0"]

# Settings of a returning user: MLflow's assistant is closed, and the pages are for training models.
RETURNING_USER = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
"""


def main() -> None:
    """Takes all screenshots, or prints what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, help="a workspace with a finished sweep")
    given = parser.parse_args().workspace
    expect.set_options(timeout=60_000)
    try:
        with browser() as chromium, workspace(given) as place, ui(place) as url:
            take_all(chromium, url, compare_link(place, *TRIALS))
    except MissingBrowserError as error:
        sys.exit(f"screenshots: {error}")


@contextmanager
def workspace(given: Path | None) -> Iterator[Path]:
    """The given workspace, or a temporary one with a new sweep."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="huberflow-") as folder:
        place = Path(folder, "workspace")
        print("sweep of four runs, for about a minute", flush=True)
        subprocess.run(
            [HUBERFLOW, "sweep", "--workspace", place, "--set", SWEEP],
            check=True,
            env={**os.environ, "LOGNAME": "you"},  # the name that MLflow shows
        )
        yield place


def take_all(chromium: Browser, url: str, comparison: str) -> None:
    """Visits the pages that the guide describes."""
    context = chromium.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    context.add_init_script(RETURNING_USER)
    page = context.new_page()
    run_list(page, url)
    run(page)
    report(page)
    compare(page, comparison)


def run_list(page: Page, url: str) -> None:
    """The saved view with the results of all runs."""
    page.goto(f"{url}/#/experiments")
    page.get_by_role("link", name="taxi", exact=True).click()
    page.get_by_role("button", name="Views").click()
    page.get_by_text("Results, best first", exact=True).click()
    page.get_by_role("button", name="Exit shared view").locator("~ button").click()
    expect(page.get_by_text(TRIALS[2], exact=True)).to_be_visible()
    save(page, "run-list", height=450)


def run(page: Page) -> None:
    """The page of one run, with its lineage: data, code, model."""
    page.get_by_text(TRIALS[2], exact=True).click()
    expect(page.get_by_text("Registered models", exact=True)).to_be_visible()
    save(page, "run", height=900)


def report(page: Page) -> None:
    """The run's report, in MLflow's artifact viewer."""
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report.html", exact=True).click()
    expect(page.frame_locator("iframe").locator("figure").first).to_be_visible()
    save(page, "report", height=900)


def compare(page: Page, comparison: str) -> None:
    """The comparison of the runs: the settings and results that differ."""
    page.set_viewport_size({"width": WIDTH, "height": 1250})
    page.goto(comparison)
    heading = page.get_by_text("Comparing 4 Runs")
    expect(heading).to_be_visible()
    plotted = page.get_by_role("combobox").nth(1)
    plotted.press("Backspace")
    plotted.press_sequentially("evaluation/huber")
    plotted.press("Enter")
    page.get_by_text("Run details").click()
    page.get_by_role("switch", name="Show diff only").first.click()
    heading.scroll_into_view_if_needed()
    save(page, "compare", height=1250)


def save(page: Page, name: str, *, height: int) -> None:
    """The upper part of a page, in 256 colours."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(2_000)  # animations end
    taken = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    path = FOLDER / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    Image.open(BytesIO(taken)).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
