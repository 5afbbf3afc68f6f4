"""Commands that messages offer can be pasted into a shell, whatever the names of files are."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from journals import Story

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.data.reading import read_batches
from huberflow.pipeline.data.source import find_source
from huberflow.pipeline.deploy import locate
from huberflow.pipeline.execution import session
from huberflow.pipeline.history import run_history, select
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import resolve_config
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


class TestNamesOfRuns:
    """Any text can be one, and in another pipeline an id."""

    def test_in_place_of_a_wrong_one(self, place):
        journals = Workspace(place).journals
        for number in (1, 2):
            Story(journals, f"run-{number}", name=f"{AWKWARD} {number}").ends()
        runs = run_history.all_runs(Workspace(place), print)
        names = offered(lambda: select.select_runs(runs, [AWKWARD[:-1]])).split(" or ")
        found = [select.select_runs(runs, words(name))[0].id for name in names]
        assert sorted(found) == ["run-1", "run-2"]

    def test_that_several_have(self, place):
        journals = Workspace(place).journals
        for number in (1, 2):
            Story(journals, f"{AWKWARD[:10]} {number}", name="night").ends()
        runs = run_history.all_runs(Workspace(place), print)
        with pytest.raises(InputError) as caught:
            select.select_runs(runs, ["night"])
        ids = caught.value.hint.partition("such as: ")[2].split(", ")
        assert [select.select_runs(runs, words(each))[0].id for each in ids] == [
            run.id for run in runs
        ]

    def test_of_a_sweep_whose_trial_is_meant(self, place):
        journals = Workspace(place).journals
        Story(journals, "sweep-1", kind="sweep", name=AWKWARD)
        for number in (1, 2):
            Story(journals, f"trial-{number}", sweep="sweep-1").ends()
        command = offered(lambda: locate._run(AWKWARD, Workspace(place)))
        assert words(command) == ["huberflow", "compare", AWKWARD]


def test_to_move_a_damaged_database_away(place):
    workspace = Workspace(place)
    workspace.metadata.write_text("no database")
    move = offered(partial(Records.of(workspace).close_unfinished))
    assert words(move) == ["mv", str(workspace.metadata), f"{workspace.metadata}.damaged"]


WORKBOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/'
    '2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="a" sheetId="1" r:id="r"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/'
    '2006/relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/worksheet" Target="sheet.xml"/></Relationships>',
    "xl/sheet.xml": '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c><c r="B1" t="inlineStr">'
    '<is><t>y</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>a</t></is></c>'
    '<c r="B2"><v>2</v></c></row></sheetData></worksheet>',
}
"""The files in the smallest workbook that Excel opens."""

TABLE = pa.table({"x": ["a"], "y": [2]})
CSV = b"x,y\na,2\n"


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in WORKBOOK.items():
            archive.writestr(name, text)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", CSV)
    return file.getvalue()


def stored(write) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def arrow_stream(file) -> None:
    with pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


OTHER_FORMATS = {
    "a.xlsx": workbook(),
    "a.jsonl": b'{"x": "a", "y": 2}\n',
    "a.json": b'[{"x": "a", "y": 2}]',
    "a.feather": stored(lambda file: pyarrow.feather.write_feather(TABLE, file)),
    "a.arrow": stored(arrow_stream),
    "a.orc": stored(lambda file: pyarrow.orc.write_table(TABLE, file)),
    "a.parquet.gz": gzip.compress(stored(lambda file: pq.write_table(TABLE, file))),
    "a.tsv": b"x\ty\na\t2\n",
    "a.txt": b"x;y\na;2\n",
    "a.csv.bz2": bz2.compress(CSV),
    "a.zip": zipped(),
    "gzip.csv": gzip.compress(CSV),
    "parquet.csv": stored(lambda file: pq.write_table(TABLE, file)),
    "workbook.csv": workbook(),
    "utf16.csv": CSV.decode().encode("utf-16"),
    "latin1.csv": "x,y,grün\na,2,1\n".encode("latin1"),
    "preamble.csv": b"# of 2024\n" + CSV + b"b,3\n",
    "preamble.csv.gz": gzip.compress(b"# of 2024\n" + CSV + b"b,3\n"),
    "returns.csv": b"x,y\ra,2\r",
}


@pytest.mark.parametrize(("name", "content"), OTHER_FORMATS.items(), ids=OTHER_FORMATS)
def test_to_convert_a_file(name, content, place, tmp_path):
    """The command writes the same rows to a new file, with what is installed."""
    file = place / name
    file.write_bytes(content)

    def read(file):
        return next(read_batches(find_source(file)))

    command = offered(partial(read, file))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env={"PATH": path}, check=True)
    assert file.read_bytes() == content
    (new,) = (each for each in tmp_path.iterdir() if each != place)
    (row, *_) = read(new).select(["x", "y"]).to_pylist()
    assert {key: str(value) for key, value in row.items()} == {"x": "a", "y": "2"}


WRONG = {
    "numbers with fractions as classes": (
        {"y": [n % 3 / 2 for n in range(60)]},
        ["model.task=multiclass"],
    ),
    "a class that is not there": (
        {"y": ["a", "b", "c"] * 20},
        ['data.classes=["a", "b", "d"]'],
    ),
    "two groups": ({"kind": ["a", "b"] * 30, "y": [*range(60)]}, ["data.splits.group=kind"]),
    "days that leave nothing to evaluate": (
        {"day": [f"2024-01-{1 + n % 28:02}" for n in range(60)], "y": [*range(60)]},
        [
            "data.splits.column=day",
            "data.splits.days={written: YYYY-MM-DD, validation: 2030-01-01, eval: 2031-01-01}",
        ],
    ),
    "one name for a list": ({"z": [*"ab"] * 30, "y": [*range(60)]}, ["data.exclude=z"]),
    "a loss of another task": (
        {"y": ["a", "b", "c"] * 20},
        ["training.loss={name: HuberLoss, config: {}}"],
    ),
    "an amount as a plain number": (
        {"z": ["$1.50", "$2,000"] * 30, "y": [*range(60)]},
        ["features.numeric=[x, z]"],
    ),
}


class TestSettings:
    """Options that a message offers; with them the same data are taken."""

    @staticmethod
    def rows(folder, **columns):
        file = folder / "a.csv"
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        with file.open("w", newline="") as opened:
            table = csv.DictWriter(opened, list(columns))
            table.writeheader()
            table.writerows(rows)
        return file

    @staticmethod
    def settings(line):
        option, setting = words(line.partition("write: ")[2])
        assert option == "--set"
        return setting

    def test_to_leave_out_a_column_that_predicts_the_label(self, place):
        name, others = 'Price, "USD"; $HOME', [n * 7 % 40 for n in range(60)]
        doubled = {name: [n * 2.5 for n in range(60)]}
        data = self.rows(place, **doubled, x=others, y=[n * 1.5 for n in range(60)])
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y"]
        (line,) = (each for each in resolve_config(None, asked).warnings() if "write" in each)
        found = resolve_config(None, [*asked, self.settings(line)])
        assert found.config.data.exclude == (name,)
        assert found.warnings() == [f"left out: {name}: excluded"]

    @pytest.mark.parametrize("texts", [["1,234", "7"], ["1.234 €", "7"], ["1.234", "12.500"]])
    def test_to_read_a_number_the_other_way(self, place, texts):
        data = self.rows(place, x=texts * 30, y=[0.5 * n for n in range(60)])
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y"]
        first = resolve_config(None, asked)
        (line,) = (each for each in first.warnings() if "write" in each)
        found = resolve_config(None, [*asked, self.settings(line)])
        assert found.data.profile.columns["x"].most != first.data.profile.columns["x"].most
        assert not any("write" in each for each in found.warnings())

    def test_to_say_whether_the_day_comes_first(self, place):
        days = [f"{1 + n % 12}/{1 + n % 11}/2016" for n in range(60)]
        data = self.rows(place, day=days, x=[n * 7 % 40 for n in range(60)], y=[*range(60)])
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y"]
        (line,) = (each for each in resolve_config(None, asked).warnings() if "write" in each)
        found = resolve_config(None, [*asked, self.settings(line.replace(", or =false", ""))])
        assert found.config.features.dates == {"day": "DD/MM/YYYY"}

    @pytest.mark.parametrize(("columns", "wrong"), WRONG.values(), ids=WRONG)
    def test_in_place_of_a_wrong_one(self, place, columns, wrong):
        data = self.rows(place, x=[n * 7 % 40 for n in range(60)], **columns)
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y", *wrong]
        option, setting = words(offered(partial(resolve_config, None, asked)))
        assert option == "--set"
        resolve_config(None, [*asked, setting])

    def test_to_leave_out_classes_that_no_train_row_has(self, place):
        paths = []
        for split, kinds in (("train", ["<=50K", ">50K"]), ("eval", ["<=50K.", ">50K"])):
            (place / split).mkdir()
            data = self.rows(place / split, x=[n * 7 % 40 for n in range(60)], y=kinds * 30)
            paths.append(f"data.splits.files.{split}={json.dumps(str(data))}")
        asked = [*paths, "data.label=y"]
        _, setting = words(offered(partial(resolve_config, None, asked)))
        found = resolve_config(None, [*asked, setting])
        assert found.config.data.classes == ("<=50K", ">50K")

    def test_to_take_a_word_for_a_missing_number(self, place):
        column = ["unknown" if n % 6 == 0 else n * 7 % 40 for n in range(240)]
        data = self.rows(place, x=column, z=[n % 3 for n in range(240)], y=[*range(240)])
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y"]
        (line,) = (each for each in resolve_config(None, asked).warnings() if "write" in each)
        found = resolve_config(None, [*asked, self.settings(line)])
        assert "x" in found.config.features.columns()
        assert found.data.profile.columns["x"].is_number

    def test_to_predict_classes(self, place):
        data = self.rows(place, x=[n * 7 % 40 for n in range(60)], y=[n % 5 for n in range(60)])
        asked = [f"data.path={json.dumps(str(data))}", "data.label=y"]
        (line,) = resolve_config(None, asked).warnings()
        found = resolve_config(None, [*asked, self.settings(line)])
        assert found.config.data.classes == ("0", "1", "2", "3", "4")

    def test_no_classes_where_they_are_refused(self, place):
        """Too few rows for each, or several labels."""
        few = self.rows(place, x=[n * 7 % 40 for n in range(60)], y=[n % 40 for n in range(60)])
        asked = [f"data.path={json.dumps(str(few))}", "data.label=y"]
        assert resolve_config(None, asked).warnings() == []
        both = self.rows(
            place,
            x=[n * 7 % 40 for n in range(60)],
            y=[n % 5 for n in range(60)],
            z=[n % 3 for n in range(60)],
        )
        asked = [f"data.path={json.dumps(str(both))}", "data.label=[y, z]"]
        assert not any("classes" in line for line in resolve_config(None, asked).warnings())


def test_to_read_the_files_of_one_folder(place):
    for name in ("a.csv", "below/b.csv"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(CSV)
    option, pattern = words(offered(partial(find_source, place)))
    assert option == "--data"
    assert find_source(pattern).files == (place / "a.csv",)


def test_to_run_a_new_project(place):
    done = CliRunner().invoke(cli, ["init", str(place / "fares")])
    config = str(place / "fares" / "config.yaml")
    assert words(done.stdout.partition("next: ")[2]) == ["huberflow", "run", "--config", config]
