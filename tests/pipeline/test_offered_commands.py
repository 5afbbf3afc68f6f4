"""Commands that messages offer can be pasted into a shell, whatever the names of files are."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import partial
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from huberflow.components.data.csv_records import column_names
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.data.source import find_source
from huberflow.pipeline.execution import session
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.delivery import Receipt

AWKWARD = """my data's $HOME; "v2" & more"""


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / AWKWARD
    folder.mkdir()
    return folder


def offered(make) -> str:
    """What the message of a refusal says to write."""
    with pytest.raises(InputError) as caught:
        make()
    return caught.value.write or re.search(r"write: (.*)$", caught.value.hint)[1]


def words(command: str) -> list[str]:
    """The words that a shell makes of a command."""
    printed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    ).stdout
    assert shlex.split(command) == printed.splitlines()
    return printed.splitlines()


def test_to_see_or_deliver_runs(place, monkeypatch):
    """At the end of a run, and below a comparison."""
    workspace = SimpleNamespace(workspace=Workspace(place))
    config = SimpleNamespace(tracking=SimpleNamespace(uri="http://ada:pw@host"))
    assert words(session._run_page(SimpleNamespace(**vars(workspace), runs=[]))) == [
        *("huberflow", "ui", "--workspace", str(place))
    ]
    later = session._later(workspace, config).partition("later: ")[2]
    assert words(later)[3:] == [str(place), "--set", "tracking.uri=http://***@host"]
    monkeypatch.setattr(links, "receipt", lambda *_: Receipt("sqlite:////x", "r", "e", True))
    start = links.compare_page(Workspace(place), ["run-1"]).partition("start it: ")[2]
    assert words(start.removesuffix(")"))[3] == str(place)


def test_to_move_a_damaged_database_away(place):
    workspace = Workspace(place)
    workspace.metadata.write_text("no database")
    move = offered(partial(Records.of(workspace).close_unfinished))
    assert words(move) == ["mv", str(workspace.metadata), f"{workspace.metadata}.damaged"]


@pytest.mark.parametrize("name", ["a.xlsx", "a.tsv", "a.jsonl", "a.parquet.gz"])
def test_to_convert_a_file_of_another_format(name, place):
    (place / name).touch()
    command = words(offered(partial(find_source, place / name)))
    if command[0] == "gunzip":
        assert command == ["gunzip", str(place / name)]
    else:
        assert_reads(command, place / name)


@pytest.mark.parametrize(
    "header", [b"x;y\n", b'"x","y"\n', b"\xef\xbb\xbfx,y\n", b"x\ry\n", b"\xff\xfex\n"]
)
def test_to_convert_a_csv_file(header, place):
    command = offered(partial(column_names, place / "a.csv", header))
    command = words(command.replace(" > new.csv", "").replace(" < ", " "))
    if command[0] == "python":
        assert_reads(command, place / "a.csv")
    else:
        assert command[-1] == str(place / "a.csv")


def assert_reads(command, file) -> None:
    python, option, code = command
    assert (python, option) == ("python", "-c")
    read = compile(code, "offered", "exec").co_consts
    assert str(file) in read


def test_to_run_a_new_project(place):
    done = CliRunner().invoke(cli, ["init", str(place / "fares")])
    config = str(place / "fares" / "config.yaml")
    assert words(done.stdout.partition("next: ")[2]) == ["huberflow", "run", "--config", config]
