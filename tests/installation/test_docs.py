"""The pages for readers: what they point to is there."""

import re
from pathlib import Path

import pytest

import huberflow

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
FOLDERS = "pipeline|components|custom_objects|src|tests|benchmarks|docker|docs|scripts"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_exist(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)]
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [n for n in named if not (ROOT / n).exists() and n != "docker/.env"]
    assert not missing


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings]
    return {re.sub(r"\s", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_exist(page):
    links = re.findall(r"\]\(([^)\s:]*)#([^)\s]+)\)", page.read_text())
    for file, anchor in links:
        assert anchor in anchors(page.parent / file if file else page), f"{file}#{anchor}"


def test_the_guide_for_contributors_names_one_place_for_each_change():
    table = re.findall(
        r"^\| (an? [^|]+) \| `([^`|]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M
    )
    assert len(table) == 10
    assert all((ROOT / place).exists() for _, place in table)


@pytest.mark.parametrize("name", huberflow.__all__)
def test_every_public_name_is_in_the_api_reference(name):
    pages = "".join(page.read_text() for page in (ROOT / "docs/api").glob("*.md"))
    assert re.search(rf"^::: huberflow\.{name}$", pages, re.M), f"write: ::: huberflow.{name}"
