"""Mistakes in a user's data, each named before anything starts, with what to write instead."""

import gzip
import io
import json
import math
import os
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.resolve.resolved_run import load


def written(folder, files):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict | pa.Table):
            pq.write_table(content if isinstance(content, pa.Table) else pa.table(content), file)
        else:
            file.write_bytes(content.encode() if isinstance(content, str) else content)


def check(folder, settings, key, received, remedy=""):
    """Checks key, start of what was received, and part of the remedy, else of what was expected."""
    with pytest.raises(InputError) as refused:
        load(None, [each.replace("~", str(folder)) for each in settings])
    error = refused.value
    assert error.key.replace(str(folder), "~") == key
    assert error.received.replace(str(folder), "~").startswith(received)
    assert remedy in (error.write or error.hint or error.expected).replace(str(folder), "~")


def of_data(path, label="y", **options):
    """Settings for a data set."""
    named = {"path": f"~/{path}", "label": label, **options}
    return [f"data.{key}={json.dumps(value)}" for key, value in named.items()]


def facts_of(text):
    """Rows of settings, parted by ``;`` | key | received | remedy."""
    rows = [[part.strip() for part in row.split("|")] for row in text.strip().splitlines()]
    return [pytest.param(row[0].split("; "), row[1:], id=row[0]) for row in rows]


GOOD = "x,y\n1,2\n2,3\n"


def _table(**columns):
    """Thirty rows with a label, a feature, and these columns, whose values repeat."""
    rows = [
        ",".join(str(values[n % len(values)]) for values in columns.values()) + f",{n % 7}.5,{n}"
        for n in range(30)
    ]
    return "\n".join([",".join([*columns, "x", "y"]), *rows, ""])


def _damaged_page():
    file = io.BytesIO()
    pq.write_table(pa.table({"y": [1, 2]}), file)
    content = bytearray(file.getvalue())
    content[9] = 0xFF
    return bytes(content)


NOT_THERE = {
    "nothing has this name": (
        {"houses.csv": GOOD},
        "housse.csv",
        ("~/housse.csv, which does not exist", "did you mean ~/houses.csv?"),
    ),
    "nor one like it": (
        {"a.csv": GOOD},
        "houses.csv",
        ("~/houses.csv, which does not exist", "a file or folder"),
    ),
    "nor its folder": (
        {},
        "no/houses.csv",
        ("~/no/houses.csv, but there is no folder ~/no", "a file or folder"),
    ),
    "a folder without data": (
        {"empty/_SUCCESS": "", "empty/.hidden.csv": GOOD},
        "empty",
        ("none in ~/empty", ".parquet, .tfrecord"),
    ),
    "a pattern without a match": (
        {"a.csv": GOOD},
        "b*.csv",
        ("none", "a pattern is written in quotes: 'folder/*.csv'"),
    ),
    "files of two kinds": (
        {"both/a.csv": GOOD, "both/b.parquet": {"y": [1, 2]}},
        "both",
        ("csv (a.csv) and parquet (b.parquet)", "pattern: '~/both/*.csv'"),
    ),
    "compressed and plain": (
        {"both/a.csv.gz": gzip.compress(GOOD.encode()), "both/b.csv": GOOD},
        "both",
        ("a.csv.gz and b.csv", "into a folder of their own"),
    ),
    "a spreadsheet": (
        {"a.xlsx": ""},
        "a.xlsx",
        ("~/a.xlsx, a .xlsx file", 'read_excel("~/a.xlsx", engine="calamine")'),
    ),
    "Parquet in gzip": (
        {"a.parquet.gz": ""},
        "a.parquet.gz",
        ("~/a.parquet.gz, Parquet", "gunzip -c ~/a.parquet.gz > new.parquet"),
    ),
    "tabs by name": ({"a.tsv": ""}, "a.tsv", ("~/a.tsv", 'read_csv("~/a.tsv", sep="\\t", dtype')),
    "files in folders of several depths": (
        {"deep/a.csv": GOOD, "deep/below/b.csv": GOOD},
        "deep",
        ("~/deep/a.csv and ~/deep/below/b.csv", "--data '~/deep/*.csv'"),
    ),
    "a Delta Lake table": (
        {"delta/_delta_log/0.json": "{}", "delta/a.parquet": {"y": [1, 2]}},
        "delta",
        ("~/delta, a Delta Lake table", 'load("~/delta").write.parquet(FOLDER)'),
    ),
}

CSV = {
    "an empty file": ("", ("", "an empty file", "a header and rows")),
    "an empty first line": ("\n" + GOOD, ("line 1", "an empty line", "the names of columns")),
    "a header only": ("x,y\n", ("", "none", "rows")),
    "no header": ("1,2\n3,4\n", ("line 1", "numbers ('1,2')", "write them as the first line")),
    "two columns of a name": ("x,y,x\n1,2,3\n", ("line 1", "two of 'x'", "rename one")),
    "a column without a name": (
        "x,,y\n0,1,2\n",
        ("line 1", "none for column 2", "leave the column out"),
    ),
    "lines above the names": (
        "# exported\nof 2024\n" + GOOD,
        ("line 1", "'# exported'", "tail -n +3 ~/a.csv > new.csv"),
    ),
    "a value behind the last column": (
        "x,y,\n1,2,\n2,3,4\n",
        ("", "'4'", "nothing behind 'y', as in the first line"),
    ),
    "bytes of gzip": (
        gzip.compress(GOOD.encode()),
        ("", "a file that gzip compressed", "cp ~/a.csv new.csv.gz"),
    ),
    "UTF-16": (
        GOOD.encode("utf-16"),
        ("line 1", "other bytes", "iconv -f UTF-16 -t utf-8 ~/a.csv > new.csv"),
    ),
    "a name in another encoding": (
        b"x,y,gr\xfcn\n1,2,3\n",
        ("line 1", "other bytes", "iconv -f latin1 -t utf-8 ~/a.csv > new.csv"),
    ),
    "a value in another encoding": (
        b"x,y\na,1\n\ngr\xfcn,2\n",
        ("line 4", "other bytes", "iconv -f latin1 -t utf-8 ~/a.csv > new.csv"),
    ),
    "returns alone end lines": (
        "x,y\r1,2\r3,4\r",
        ("line 1", "\\r alone", "tr '\\r' '\\n' < ~/a.csv > new.csv"),
    ),
    "a return inside a line": ("x,y\r\na,1\r\nb\rc,2\r\n", ("line 3", "'b\\rc,2'", "CSV")),
    "a row that is too short": (
        'x,y\n"over\ntwo",1\n\n2\n',
        ("line 5", "1: '2'", "2 fields, as in the header"),
    ),
    "a row that is too long": (
        "x,y\n1,2\n1,2,3",
        ("line 3", "3: '1,2,3'", "2 fields, as in the header"),
    ),
    "a line of blanks": ("x,y\n1,2\n  \n", ("line 3", "1: '  '", "2 fields, as in the header")),
    "a quote that nothing closes": (
        'x,y\n1,2\n"a,3\nb,4\n',
        ("line 3", "a longer one, or a quote", "at most 131,072 characters"),
    ),
    "an odd quote inside a field": (
        'x,y\n5" pipe,3\n6" pipe,4\n',
        ("line 2", "'5\" pipe,3\\n6\" pipe,4'", "CSV"),
    ),
    "quotes that TFX would read for ever": (
        'x,y\n1,2\na"b,"c\n',
        ("line 3", "'a\"b,\"c'", "write a quote inside a field twice"),
    ),
    "a field of 10 MB": (
        f"x,y\n1,2\n{'a' * 10**7},3\n",
        ("line 3", "a longer one, or a quote", "at most 131,072 characters"),
    ),
    "a field of 200 kB": (
        f"x,y\n1,2\n{'a' * 200_000},3\n",
        ("line 3", "a longer one, or a quote", "at most 131,072 characters"),
    ),
}

OTHER_FILES = {
    "headers that differ": (
        {"d/a.csv": GOOD, "d/b.csv": "y,x\n1,2\n"},
        ("b.csv, line 1", "y where it has x", "the columns of a.csv in their order"),
    ),
    "a column more": (
        {"d/a.csv": GOOD, "d/b.csv": "x,y,z\n1,2,3\n"},
        ("b.csv, line 1", "z where it has none", "the columns of a.csv in their order"),
    ),
    "no gzip": ({"d/a.csv.gz": GOOD}, ("a.csv.gz", "an error: Not a gzipped file (b'x,')")),
    "gzip cut short": (
        {"d/a.csv.gz": gzip.compress(GOOD.encode())[:-6]},
        ("a.csv.gz", "an error: Compressed file ended"),
    ),
    "no Parquet": ({"d/a.parquet": GOOD}, ("a.parquet", "an error: Parquet magic bytes not found")),
    "Parquet without rows": (
        {"d/a.parquet": {"x": pa.array([], pa.int64())}},
        ("a.parquet", "none", "rows"),
    ),
    "Parquet of other types": (
        {"d/a.parquet": {"y": [1, 2]}, "d/b.parquet": {"y": ["1", "2"]}},
        ("b.parquet", "string", "the columns of a.parquet, where y is int64"),
    ),
    "Parquet without a column": (
        {"d/a.parquet": {"x": [1], "y": [1]}, "d/b.parquet": {"y": [1]}},
        ("b.parquet", "no column", "the columns of a.parquet, where x is int64"),
    ),
    "Parquet with two columns of a name": (
        {"d/a.parquet": pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["y", "y"])},
        ("a.parquet", "two of 'y'", "rename one"),
    ),
    "Parquet with a column of no name": (
        {"d/a.parquet": {"y": [1, 2], "": [3, 4]}},
        ("a.parquet", "none for column 2", "table.columns.values[1] = 'name'"),
    ),
    "Parquet with a NUL in a name": (
        {"d/a.parquet": {"y\0": [1, 2]}},
        ("a.parquet", "'y\\x00' for column 1", "table.columns.values[0] = 'name'"),
    ),
    "no TFRecord": ({"d/a.tfrecord": GOOD}, ("a.tfrecord", "an error: corrupted record at 0")),
    "a damaged page of Parquet": (
        {"d/a.parquet": _damaged_page()},
        ("a.parquet", "an error: Invalid page header"),
    ),
    "text that is not UTF-8": (
        {"d/a.parquet": {"y": pa.array([b"gr\xfcn"]).view(pa.string())}},
        ("a.parquet", "In chunk 0: Invalid: Invalid UTF8", "y to be string"),
    ),
    "a number beyond 64 bits": (
        {"d/a.parquet": {"y": pa.array([2**63, 1], pa.uint64())}},
        ("a.parquet", "Integer value 9223372036854775808 not in range", "y to be int64"),
    ),
}

LABEL = {
    "all but the same": (
        [2**60, 2**60 + 4096],
        ("1.15292e+18 to 1.15292e+18", "subtract from all what they have in common"),
    ),
    "never there": (pa.array([None, None], pa.int64()), ("none", "values in 'y'")),
    "NaN everywhere": ([math.nan, math.nan], ("none", "values in 'y'")),
    "constant": ([3, None], ("3 in all rows", "values that differ in 'y'")),
    "text": (
        ["sun", "rain"],
        ("2 values in 2 rows, such as 'sun'", "numbers, or at most 50 classes"),
    ),
    "dates": (
        [date(2024, 1, 1), date(2024, 2, 1)],
        ("date such as '2024-01-01', '2024-02-01'", "numbers in 'y'"),
    ),
    "lists": ([[1, 2], [3]], ("lists, structures, bytes or times", "one value in a row in 'y'")),
    "infinite": ([math.inf, -math.inf], ("2 that are infinite or beyond", "leave these fields")),
    "beyond 32 bits": ([1.0, 1e39], ("1 that are infinite or beyond 3.4e+38", "leave these")),
}

WEIGHT = {
    "not a column": ({"trips": [1, 2]}, ("'w'", "columns: y, trips")),
    "like another": ({"wt": [1, 2]}, ("'w'", "did you mean 'wt'?")),
    "never there": ({"w": pa.nulls(2)}, ("none", "values in 'w'")),
    "text": ({"w": ["a", "b"]}, ("text such as 'a', 'b'", "numbers in 'w'")),
    "lists": (
        {"w": [[1], [2]]},
        ("lists, structures, bytes or times", "one value in a row in 'w'"),
    ),
    "all 0": ({"w": [0, 0]}, ("0 in all rows with a label", "weights above 0 in 'w'")),
    **{
        received: ({"w": [1.0, wrong]}, (f"{received} in a row", "write 0"))
        for received, wrong in (("none", None), ("inf", math.inf), ("1e+39", 1e39), ("-2", -2.0))
    },
}

HOUSES = {
    "y": [1, 2, 3],
    "bedrooms": [3, 4, 3],
    "below": [1, -1, 1],
    "gaps": [1.0, None, 2.0],
    "words": ["a", "b", "a"],
    "zero": [0, 0, 0],
    "empty": pa.nulls(3),
}

OF_HOUSES = facts_of("""
data.label=bedroms | data.label | 'bedroms' | did you mean 'bedrooms'?
data.label=fare | data.label | 'fare' | columns: y, bedrooms, below
data.weight=y | data.weight | 'y' | not the label
data.exclude=[bedroms] | data.exclude | 'bedroms' | did you mean 'bedrooms'?
data.keep=[y] | data.keep | 'y' | a column that is not data.label too
data.weight=bedrooms; data.keep=[bedrooms] | data.keep | 'bedrooms' | not data.weight too
data.exclude=[bedrooms]; data.keep=[bedrooms] | data.keep | 'bedrooms' | not data.exclude too
data.keep=[empty] | data.keep | 'empty': no value in any row | columns of values
data.exclude=[bedrooms, below, gaps, words] | data | none | left out: bedrooms (excluded), below
features.numeric=[bedroom] | features.numeric | 'bedroom' | did you mean 'bedrooms'?
features.numeric=[words] | features.numeric | text such as 'a', 'b' | numbers in 'words'
features.cyclic={words: 7} | features.cyclic | text such as 'a', 'b' | numbers in 'words'
features.boolean=[words] | features.boolean | text such as 'a' | true and false in 'words'
features.categorical=[empty] | features.categorical | none | values in 'empty'
evaluation.slices=[[word]] | evaluation.slices | 'word' | did you mean 'words'?
evaluation.slices=[[__raw_record__]] | evaluation.slices | '__raw_record__' | rename the column
""")

MARCH = [f"2024-03-{day:02}" for day in range(1, 31)]

COLUMNS = {
    "part": ["train", "test"],
    "numbers": [0.5, 1.5],
    "held_out": ["train", "holdout"],
    "gaps": ["train", "", "test"],
    "many": [f"a{n}" for n in range(30)],
    "no_eval": ["train", "val"],
    "two_days": MARCH[:2],
    "sold": MARCH,
    "day_or_month": ["01/02/2024", "03/04/2024", "05/06/2024"],
}

BY_COLUMN = facts_of(
    r"""
COLUMN=prat | COLUMN | 'prat' | did you mean 'part'?
COLUMN=y | COLUMN | 'y' | see: huberflow config
COLUMN=numbers | COLUMN | number such as 0.5, 1.5 | words such as train and eval, or dates
COLUMN=held_out | COLUMN | 'holdout' | 'data.splits.values={train: train, holdout: eval}'
COLUMN=gaps | COLUMN | none in 10 | a word for every row in 'gaps'
COLUMN=many | COLUMN | 30 values such as 'a0', 'a1' | words such as train and eval, or dates
COLUMN=no_eval | data.splits | none in eval | --set 'data.splits.values={WORD: eval}'
COLUMN=part; features.categorical=[part] | COLUMN | 'part' | see: huberflow config
COLUMN=part; data.keep=[part] | data.keep | 'part' | a column that is not COLUMN too
COLUMN=two_days | COLUMN | 2 | at least 3 days among the rows with y in 'two_days'
COLUMN=day_or_month | COLUMN | dates in which day and month look alike | words such as train
COLUMN=sold; DAYS.eval=2024-04-01 | data.splits | none in eval | --set DAYS=null
COLUMN=sold; DAYS.eval=2024-03-02 | DAYS.eval | 2024-03-02 | see: huberflow config
COLUMN=sold; data.splits.values={a: train} | data.splits.values | both | data.splits.values={}
COLUMN=sold; DAYS.written=YYYY/MM/DD | DAYS.written | YYYY/MM/DD | --set DAYS=null
DAYS={written: YYYY-MM-DD, validation: 2024-03-02, eval: 2024-03-03} | COLUMN | null | DAYS=null
""".replace("COLUMN", "data.splits.column").replace("DAYS", "data.splits.days")
)

ROWS = _table(part=["train", "test"])

COLUMN = "data.splits.column"

BY_FILES = ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.csv"]

SPLITS = {
    "two different rows": (
        {"a.csv": "x,y\n" + "1.5,2\n2.5,3\n" * 30},
        ["data.path=~/a.csv"],
        ("data.splits", "2", "name a file for each split"),
    ),
    "of the taxi trips": ({}, ["data.splits.column=company"], (COLUMN, "'company'", "--data PATH")),
    "by files, but one": (
        {"a.csv": ROWS},
        ["data.splits.files.train=~/a.csv"],
        ("data.splits.files.eval", "null", "--set data.splits.files.eval=PATH"),
    ),
    "by a file that is not there": (
        {"a.csv": ROWS, "test.csv": ROWS},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/tset.csv"],
        ("data.splits.files.eval", "~/tset.csv, which does not exist", "did you mean ~/test.csv?"),
    ),
    "by one file twice": (
        {"d/a.csv": ROWS, "d/b.csv": ROWS},
        ["data.splits.files.train=~/d", "data.splits.files.eval=~/d/b.csv"],
        ("data.splits.files.eval", "~/d/b.csv in both", "other files than data.splits.files.train"),
    ),
    "by files beside others": (
        {"a.csv": ROWS, "b.csv": ROWS, "c.csv": ROWS},
        ["data.path=~/a.csv", "data.splits.files.train=~/b.csv", "data.splits.files.eval=~/c.csv"],
        ("data.path", "'~/a.csv'", "--set data.path=null"),
    ),
    "by files, and by a column": (
        {"a.csv": ROWS, "b.csv": ROWS},
        [*BY_FILES, "data.splits.column=part"],
        (COLUMN, "'part'", "--set data.splits.column=null"),
    ),
    "by files of two kinds": (
        {"a.csv": ROWS, "b.parquet": {"x": [1, 2], "y": [2, 3]}},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.parquet"],
        ("data.splits.files.eval", "b.parquet", "write all in one format, compressed all or none"),
    ),
    "by files of other columns": (
        {"a.csv": ROWS, "b.csv": "part,x\ntest,1\n"},
        BY_FILES,
        ("~/b.csv, line 1", "none where it has y", "the columns of a.csv in their order"),
    ),
    "by a file without rows": (
        {"a.csv": ROWS, "b.csv": "part,x,y\n"},
        BY_FILES,
        ("data.splits.files.eval", "none", "rows with y"),
    ),
    "by a file without a label": (
        {"a.csv": ROWS, "b.csv": "part,x,y\ntrain,1,\ntest,2,nan\n"},
        BY_FILES,
        ("data.splits.files.eval", "none", "rows with y"),
    ),
    "by a split that there is not": (
        {"a.csv": ROWS, "b.csv": ROWS},
        ["data.splits.files.train=~/a.csv", "data.splits.files.test=~/b.csv"],
        ("data.splits.files.test", "the unknown key 'test'", "one of train, validation, eval"),
    ),
}


@pytest.mark.parametrize(("files", "path", "facts"), NOT_THERE.values(), ids=NOT_THERE)
def test_a_path_is_refused(tmp_path, files, path, facts):
    written(tmp_path, files)
    check(tmp_path, of_data(path), "data.path", *facts)


@pytest.mark.parametrize(("content", "facts"), CSV.values(), ids=CSV)
def test_a_csv_file_is_refused(tmp_path, content, facts):
    written(tmp_path, {"a.csv": content})
    line, *others = facts
    check(tmp_path, of_data("a.csv"), f"~/a.csv{line and ', '}{line}", *others)


@pytest.mark.parametrize(("files", "facts"), OTHER_FILES.values(), ids=OTHER_FILES)
def test_files_are_refused(tmp_path, files, facts):
    written(tmp_path, files)
    file, *others = facts
    check(tmp_path, of_data("d"), f"~/d/{file}", *others)


@pytest.mark.parametrize(("values", "facts"), LABEL.values(), ids=LABEL)
def test_a_label_is_refused(tmp_path, values, facts):
    written(tmp_path, {"a.parquet": {"y": values, "x": [1, 2]}})
    check(tmp_path, of_data("a.parquet"), "data.label", *facts)


@pytest.mark.parametrize(("columns", "facts"), WEIGHT.values(), ids=WEIGHT)
def test_weights_are_refused(tmp_path, columns, facts):
    written(tmp_path, {"a.parquet": {"y": [1, 2], **columns}})
    check(tmp_path, of_data("a.parquet", weight="w"), "data.weight", *facts)


@pytest.mark.parametrize("weight", ["", "-2"])
def test_weights_of_rows_without_a_label_may_be_anything(tmp_path, weight):
    written(tmp_path, {"a.csv": f"x,y,w\n1.5,2,1\n2.5,3,0.5\n3.5,,{weight}\n"})
    load(None, [f"data.path={tmp_path}/a.csv", "data.label=y", "data.weight=w"])


@pytest.mark.parametrize(("settings", "facts"), OF_HOUSES)
def test_a_choice_of_columns_is_refused(tmp_path, settings, facts):
    written(tmp_path, {"a.parquet": HOUSES})
    check(tmp_path, [*of_data("a.parquet"), *settings], *facts)


@pytest.mark.parametrize(("settings", "facts"), BY_COLUMN)
def test_a_split_by_a_column_is_refused(tmp_path, settings, facts):
    written(tmp_path, {"rows.csv": _table(**COLUMNS)})
    check(tmp_path, [*of_data("rows.csv"), *settings], *facts)


@pytest.mark.parametrize(("files", "settings", "facts"), SPLITS.values(), ids=SPLITS)
def test_a_split_is_refused(tmp_path, files, settings, facts):
    written(tmp_path, files)
    check(tmp_path, ["data.label=y", *settings], *facts)


FINE = {
    "lines that end in a return": ("x,y\r\n1.5,2\r\n2.5,3\r\n1.5,4\r\n", "left_out: {}"),
    "a column without values": ("x,n,y\n1.5,,2\n2.5,,3\n1.5,,4\n", "n: no value in any row"),
    "a column without an end": (
        "x,n,y\n1.5,inf,2\n2.5,nan,3\n1.5,0.5,4\n3.5,0.25,4\n",
        "n: 'infinite, or beyond 3.4e+38, in 1 of 4 rows'",
    ),
    "NaN among numbers": ("x,n,y\n1.5,1.5,2\n2.5,nan,3\n1.5,0.5,4\n", "numeric: [x, n]"),
    "words among numbers": ("x,n,y\n1.5,1,2\n2.5,a,3\n1.5,1,4\n3.5,a,4\n", "categorical: [n]"),
}


@pytest.mark.parametrize(("content", "shown"), FINE.values(), ids=FINE)
def test_what_is_merely_odd_shows_in_the_config(tmp_path, content, shown):
    written(tmp_path, {"a.csv": content})
    done = CliRunner().invoke(cli, ["config", "--data", f"{tmp_path}/a.csv", "--label", "y"])
    assert done.exit_code == 0
    assert shown in done.stdout


def test_the_command_ends_with_one_line_and_writes_nothing(tmp_path):
    data, workspace = f"--data={tmp_path}/no.csv", f"--workspace={tmp_path}/workspace"
    done = CliRunner().invoke(cli, ["run", data, "--label=y", workspace])
    assert done.exit_code == 2
    assert done.stderr.startswith("huberflow: data.path: expected ")
    assert len(done.stderr.splitlines()) == 1
    assert not any(tmp_path.iterdir())


@pytest.fixture
def plain_user():
    """Root may read everything; so it is nobody meanwhile."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield
    os.seteuid(me)


@pytest.fixture
def shut():
    """A folder that all may enter, unlike pytest's; it holds a file and a folder that none may."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, {"shut.csv": GOOD, "shut/a.csv": GOOD})
        folder.chmod(0o755)
        (folder / "shut.csv").chmod(0)
        (folder / "shut").chmod(0)
        yield folder
        (folder / "shut").chmod(0o700)


@pytest.mark.parametrize("path", ["shut.csv", "shut", "shut/a.csv"])
def test_what_may_not_be_read_is_named(shut, plain_user, path):
    check(shut, of_data(path), "data.path", f"~/{path} (Permission denied)", "")
