"""What a person sees of a sweep in MLflow's pages, in a real browser."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from mlflow_browser import MissingBrowserError, browser, compare_link, ui
from playwright.sync_api import Browser, FrameLocator, Page, expect
from taxi_workspace import Run, Workspace

pytestmark = pytest.mark.e2e

THRESHOLDS = ["0.5", "1.0", "2.0", "4.0"]
NAMES = [f"threshold={threshold}" for threshold in THRESHOLDS]

expect.set_options(timeout=60_000)  # MLflow's pages load megabytes, and take their time


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        with browser() as started:
            yield started
    except MissingBrowserError as error:
        pytest.skip(str(error))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Of a person who was never here."""
    with chromium.new_context(viewport={"width": 1600, "height": 1200}) as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def url(chromium: Browser, sweep: Run, workspace: Workspace) -> Iterator[str]:
    assert sweep.code == 0, sweep.errors
    with ui(workspace.root) as address:
        yield address


@pytest.fixture(scope="module")
def comparison(url: str, sweep: Run, workspace: Workspace) -> str:
    """The link that `huberflow compare` prints for the trials of the sweep."""
    trials = list(dict.fromkeys(re.findall(r"^(\d{4}-\S+T\S+) ", sweep.output, re.M)))
    assert len(trials) == len(THRESHOLDS)
    return compare_link(workspace.root, *trials)


def cells(page: Page, row: str) -> list[str]:
    """The values beside a title in the compare page's tables."""
    found = page.locator("tr", has=page.get_by_text(row, exact=True))
    expect(found).to_be_visible()
    _, *values = found.inner_text().split("\t")
    return [value.strip() for value in values]


def open_report(page: Page, comparison: str) -> FrameLocator:
    """From the compare page to the first run, its artifacts, its report."""
    page.goto(comparison)
    page.get_by_role("link", name=re.compile(r"^[0-9a-f]{32}$")).first.click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report.html", exact=True).click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_be_visible()
    return report


def open_results(page: Page, url: str) -> None:
    """From the list of experiments to the view that lists results."""
    page.goto(f"{url}/#/experiments")
    page.get_by_text("Model training", exact=True).click()
    page.get_by_role("link", name="taxi", exact=True).click()
    page.get_by_role("button", name="Views").click()
    page.get_by_text("Results, best first", exact=True).click()
    expect(page.get_by_text(NAMES[0], exact=True)).to_be_visible()


def test_link_of_compare_shows_runs_beside_each_other(page: Page, comparison: str) -> None:
    page.goto(comparison)
    expect(page.get_by_text("Comparing 4 Runs from 1 Experiment")).to_be_visible()
    assert cells(page, "Run Name:") == NAMES
    assert cells(page, "Trainer.training.loss.config.threshold") == THRESHOLDS
    expect(page.get_by_role("link", name="evaluation/huber")).to_be_visible()


def test_only_the_threshold_differs_in_config(page: Page, comparison: str) -> None:
    page.goto(comparison)
    expect(page.get_by_text("Trainer.training.loss.config.threshold").last).to_be_visible()
    page.get_by_role("switch", name="Show diff only").first.click()
    params = page.locator("tr", has_text=re.compile(r"^[A-Z]\w+\.\w"))  # such as Trainer.seed
    expect(params).to_have_count(1)
    expect(params).to_contain_text("Trainer.training.loss.config.threshold")


def shown_huber(page: Page) -> list[float]:
    """The Huber loss in each row of the list of runs, from the top."""
    rows = page.locator("[role=row][row-index]", has=page.locator("[col-id*='evaluation/huber']"))
    # All rows in one step: the page takes rows away and adds others while it sorts them.
    found = rows.evaluate_all(
        "rows => rows.map(r => [Number(r.getAttribute('row-index')), r.innerText])"
    )
    shown = dict(found)
    return [float(shown[index].split()[1]) for index in sorted(shown) if "-" not in shown[index]]


def test_saved_view_lists_runs_best_first(page: Page, url: str) -> None:
    open_results(page, url)
    for name in NAMES:
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    # MLflow shows the rows first, and then sorts them as the view says.
    for _ in range(50):
        huber = shown_huber(page)
        if huber == sorted(huber):
            break
        page.wait_for_timeout(200)
    assert len(huber) >= len(NAMES)
    assert huber == sorted(huber)


def test_report_opens_in_the_artifact_viewer(page: Page, comparison: str) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(f"{said.text} {said.location['url']}"))
    report = open_report(page, comparison)
    title = "taxi: fare from the Chicago Taxi trips"
    expect(report.get_by_role("heading", level=1)).to_have_text(title)
    expect(report.get_by_text(f"{NAMES[0]}, ").first).to_be_visible()
    figures = report.locator("figure img").all()
    assert len(figures) == 4
    assert all(figure.evaluate("figure => figure.naturalWidth") > 600 for figure in figures)
    # MLflow's own pages say much; the report is a blob.
    assert [error for error in errors if "blob:" in error] == []


def test_pages_ask_no_other_host(page: Page, url: str, comparison: str) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    open_results(page, url)
    open_report(page, comparison)
    hosts = {urlsplit(address).hostname for address in asked if address.startswith("http")}
    assert hosts == {"127.0.0.1"}
