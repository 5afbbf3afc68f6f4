"""What is wrong with a user's data, and the one line that says so before anything starts."""

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

PANDAS = """python -c "import pandas; pandas.{}.to_csv('data.csv', index=False)\""""


def written(folder, files):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict | pa.Table):
            pq.write_table(content if isinstance(content, pa.Table) else pa.table(content), file)
        else:
            file.write_bytes(content.encode() if isinstance(content, str) else content)


def said(folder, path, *, verb="run", code=2, label="y", **options):
    """What the command says; nothing is written."""
    settings = [f"--set=data.{key}={json.dumps(value)}" for key, value in options.items()]
    asked = ["--data", f"{folder}/{path}", "--label", label, *settings]
    done = CliRunner().invoke(cli, [verb, *asked, "--workspace", f"{folder}/workspace"])
    assert done.exit_code == code, done.exception
    assert not (folder / "workspace").exists()
    return done.stderr


def message(folder, path, **options):
    """The one line that the command refuses it with."""
    (line,) = said(folder, path, **options).splitlines()
    return line.removeprefix("huberflow: ").replace(str(folder), "~")


GOOD = "x,y\n1,2\n2,3\n"


def _table(**columns):
    """Thirty rows with a label, a feature, and these columns, whose values repeat."""
    ((name, values),) = columns.items()
    rows = [f"{values[n % len(values)]},{n % 7}.5,{n}" for n in range(30)]
    return "\n".join([f"{name},x,y", *rows, ""])


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
        "data.path: expected a file or folder, received ~/housse.csv, which is not there; "
        "did you mean ~/houses.csv?",
    ),
    "nor one like it": (
        {"a.csv": GOOD},
        "houses.csv",
        "data.path: expected a file or folder, received ~/houses.csv, which is not there",
    ),
    "nor its folder": (
        {},
        "no/houses.csv",
        "data.path: expected a file or folder, received ~/no/houses.csv, "
        "but there is no folder ~/no",
    ),
    "a folder without data": (
        {"empty/_SUCCESS": "", "empty/.hidden.csv": GOOD},
        "empty",
        "data.path: expected a folder of files .csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz, "
        "received none in ~/empty",
    ),
    "a pattern without a match": (
        {"a.csv": GOOD},
        "b*.csv",
        "data.path: expected files that match ~/b*.csv, received none; "
        "a pattern is written in quotes: 'folder/*.csv'",
    ),
    "files of two kinds": (
        {"both/a.csv": GOOD, "both/b.parquet": {"y": [1, 2]}},
        "both",
        "data.path: expected files of one kind, received csv (a.csv) and parquet (b.parquet); "
        "name one kind by a pattern: '~/both/*.csv'",
    ),
    "compressed and plain": (
        {"both/a.csv.gz": gzip.compress(GOOD.encode()), "both/b.csv": GOOD},
        "both",
        "data.path: expected all files compressed or none, received a.csv.gz and b.csv; "
        "write: gzip ~/both/b.csv",
    ),
    "a spreadsheet": (
        {"a.xlsx": ""},
        "a.xlsx",
        "data.path: expected .csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz, received ~/a.xlsx; "
        "write it as CSV, for example: " + PANDAS.format("read_excel('~/a.xlsx')"),
    ),
    "Parquet in gzip": (
        {"a.parquet.gz": ""},
        "a.parquet.gz",
        "data.path: expected .csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz, received "
        "~/a.parquet.gz; Parquet is compressed in itself, write: gunzip ~/a.parquet.gz",
    ),
    "tabs by name": (
        {"a.tsv": ""},
        "a.tsv",
        "data.path: expected .csv, .csv.gz, .parquet, .tfrecord, .tfrecord.gz, received ~/a.tsv; "
        "write it as CSV, for example: " + PANDAS.format(r"read_csv('~/a.tsv', sep='\t')"),
    ),
}

CSV = {
    "an empty file": ("", "~/a.csv: expected a header and rows, received an empty file"),
    "an empty first line": (
        "\n" + GOOD,
        "~/a.csv, line 1: expected the names of columns, received an empty line",
    ),
    "a header only": ("x,y\n", "~/a.csv: expected rows, received none"),
    "no header": (
        "1,2\n3,4\n",
        "~/a.csv, line 1: expected the names of columns, received numbers ('1,2'); "
        "write them as the first line",
    ),
    "two columns of a name": (
        "x,y,x\n1,2,3\n",
        "~/a.csv, line 1: expected each column once, received two of 'x'; rename one",
    ),
    "a column without a name": (
        ",x,y\n0,1,2\n",
        "~/a.csv, line 1: expected a name for each column, received none for column 1; "
        "with pandas, write: to_csv(path, index=False)",
    ),
    "quotes around names": (
        '"x","y"\n1,2\n',
        "~/a.csv, line 1: expected names without quotes, which TFX takes for part of them, "
        """received '"x","y"'; write: sed -i '1s/"//g' ~/a.csv""",
    ),
    "semicolons": (
        "x;y\n1;2\n",
        "~/a.csv, line 1: expected columns separated by commas, received ';'; write: "
        """python -c "import pandas; pandas.read_csv('~/a.csv', sep=';')"""
        """.to_csv('new.csv', index=False)\"""",
    ),
    "tabs": (
        "x\ty\n1\t2\n",
        r"~/a.csv, line 1: expected columns separated by commas, received '\t'; write: "
        r"""python -c "import pandas; pandas.read_csv('~/a.csv', sep='\t')"""
        """.to_csv('new.csv', index=False)\"""",
    ),
    "a byte order mark": (
        "\ufeff" + GOOD,
        "~/a.csv, line 1: expected the first column's name, received a byte order mark before it; "
        r"write: sed -i '1s/^\xEF\xBB\xBF//' ~/a.csv",
    ),
    "UTF-16": (
        GOOD.encode("utf-16"),
        "~/a.csv, line 1: expected UTF-8, received other bytes; "
        "if they are UTF-16, write: iconv -f UTF-16 -t utf-8 ~/a.csv > new.csv",
    ),
    "a name in another encoding": (
        b"x,y,gr\xfcn\n1,2,3\n",
        "~/a.csv, line 1: expected UTF-8, received other bytes; "
        "if they are latin1, write: iconv -f latin1 -t utf-8 ~/a.csv > new.csv",
    ),
    "a value in another encoding": (
        b"x,y\na,1\n\ngr\xfcn,2\n",
        "~/a.csv, line 4: expected UTF-8, received other bytes; "
        "if they are latin1, write: iconv -f latin1 -t utf-8 ~/a.csv > new.csv",
    ),
    "returns alone end lines": (
        "x,y\r1,2\r3,4\r",
        r"~/a.csv, line 1: expected lines that end in \n or \r\n, received \r alone; "
        r"write: tr '\r' '\n' < ~/a.csv > new.csv",
    ),
    "a return inside a line": (
        "x,y\r\na,1\r\nb\rc,2\r\n",
        r"~/a.csv, line 3: expected CSV, received 'b\rc,2' (new-line character seen in unquoted "
        "field - do you need to open the file in universal-newline mode?)",
    ),
    "a row that is too short": (
        'x,y\n"over\ntwo",1\n\n2\n',
        "~/a.csv, line 5: expected 2 fields, as in the header, received 1: '2'",
    ),
    "a row that is too long": (
        "x,y\n1,2\n1,2,3",
        "~/a.csv, line 3: expected 2 fields, as in the header, received 3: '1,2,3'",
    ),
    "a line of blanks": (
        "x,y\n1,2\n  \n",
        "~/a.csv, line 3: expected 2 fields, as in the header, received 1: '  '",
    ),
    "a quote that nothing closes": (
        'x,y\n1,2\n"a,3\nb,4\n',
        "~/a.csv, line 3: expected a field of at most 131,072 characters, received a longer one, "
        "or a quote that nothing closes",
    ),
    "an odd quote inside a field": (
        'x,y\n5" pipe,3\n6" pipe,4\n',
        r"""~/a.csv, line 2: expected CSV, received '5" pipe,3\n6" pipe,4' (new-line character """
        "seen in unquoted field - do you need to open the file in universal-newline mode?)",
    ),
    "quotes that TFX would read for ever": (
        'x,y\n1,2\na"b,"c\n',
        """~/a.csv, line 3: expected quotes around whole fields, received 'a"b,"c'; """
        'write a quote inside a field twice, and the field in quotes: "5"" pipe"',
    ),
    "a field of 10 MB": (
        f"x,y\n1,2\n{'a' * 10**7},3\n",
        "~/a.csv, line 3: expected a field of at most 131,072 characters, received a longer one, "
        "or a quote that nothing closes",
    ),
    "a field of 200 kB": (
        f"x,y\n1,2\n{'a' * 200_000},3\n",
        "~/a.csv, line 3: expected a field of at most 131,072 characters, received a longer one, "
        "or a quote that nothing closes",
    ),
}

OTHER_FILES = {
    "headers that differ": (
        {"d/a.csv": GOOD, "d/b.csv": "y,x\n1,2\n"},
        "~/d/b.csv, line 1: expected the columns of a.csv in their order, "
        "received y where it has x",
    ),
    "a column more": (
        {"d/a.csv": GOOD, "d/b.csv": "x,y,z\n1,2,3\n"},
        "~/d/b.csv, line 1: expected the columns of a.csv in their order, "
        "received z where it has none",
    ),
    "no gzip": (
        {"d/a.csv.gz": GOOD},
        "~/d/a.csv.gz: cannot be read: Not a gzipped file (b'x,')",
    ),
    "gzip cut short": (
        {"d/a.csv.gz": gzip.compress(GOOD.encode())[:-6]},
        "~/d/a.csv.gz: cannot be read: Compressed file ended before the end-of-stream marker was "
        "reached",
    ),
    "no Parquet": (
        {"d/a.parquet": GOOD},
        "~/d/a.parquet: cannot be read: Parquet magic bytes not found in footer. Either the file "
        "is corrupted or this is not a parquet file.",
    ),
    "Parquet without rows": (
        {"d/a.parquet": {"x": pa.array([], pa.int64())}},
        "~/d/a.parquet: expected rows, received none",
    ),
    "Parquet of other types": (
        {"d/a.parquet": {"y": [1, 2]}, "d/b.parquet": {"y": ["1", "2"]}},
        "~/d/b.parquet: expected the columns of a.parquet, where y is int64, received string",
    ),
    "Parquet without a column": (
        {"d/a.parquet": {"x": [1], "y": [1]}, "d/b.parquet": {"y": [1]}},
        "~/d/b.parquet: expected the columns of a.parquet, where x is int64, received no column",
    ),
    "Parquet with two columns of a name": (
        {"d/a.parquet": pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["y", "y"])},
        "~/d/a.parquet: expected each column once, received two of 'y'; rename one",
    ),
    "no TFRecord": (
        {"d/a.tfrecord": GOOD},
        "~/d/a.tfrecord: cannot be read: corrupted record at 0 (Is this even a TFRecord file?)",
    ),
    "a damaged page of Parquet": (
        {"d/a.parquet": _damaged_page()},
        "~/d/a.parquet: cannot be read: Invalid page header",
    ),
    "text that is not UTF-8": (
        {"d/a.parquet": {"y": pa.array([b"gr\xfcn"]).view(pa.string())}},
        "~/d/a.parquet: expected y to be string: In chunk 0: Invalid: Invalid UTF8 sequence at "
        "string index 0",
    ),
    "a number beyond 64 bits": (
        {"d/a.parquet": {"y": pa.array([2**63, 1], pa.uint64())}},
        "~/d/a.parquet: expected y to be int64: "
        "Integer value 9223372036854775808 not in range: 0 to 9223372036854775807",
    ),
}

LABEL = {
    "not a column": (
        {"price": [1, 2], "x": [1, 2]},
        {"label": "prize"},
        "data.label: expected a column of the data, received 'prize'; did you mean price?",
    ),
    "not like any": (
        {"price": [1, 2], "x": [1, 2]},
        {"label": "fare"},
        "data.label: expected a column of the data, received 'fare'; columns: price, x",
    ),
    "with a space before it": (
        {" price": [1, 2], "x": [1, 2]},
        {"label": "price"},
        "data.label: expected a column of the data, received 'price'; did you mean ' price'?",
    ),
    "all but the same": (
        {"y": [2**60, 2**60 + 4096], "x": [1, 2]},
        {},
        "data.label: expected numbers that 32-bit floats tell apart in 'y', received 1.15292e+18 "
        "to 1.15292e+18; subtract from all what they have in common",
    ),
    "never there": (
        {"y": pa.array([None, None], pa.int64()), "x": [1, 2]},
        {},
        "data.label: expected values in 'y', received none",
    ),
    "NaN everywhere": (
        {"y": [math.nan, math.nan], "x": [1, 2]},
        {},
        "data.label: expected values in 'y', received none",
    ),
    "constant": (
        {"y": [3, 3, None], "x": [1, 2, 3]},
        {},
        "data.label: expected values that differ in 'y', received 3 in all rows",
    ),
    "text": (
        {"y": ["sun", "rain"], "x": [1, 2]},
        {},
        "data.label: expected numbers or a few classes in 'y', received 2 values in 2 rows, "
        "such as 'sun'",
    ),
    "dates": (
        {"y": [date(2024, 1, 1), date(2024, 2, 1)], "x": [1, 2]},
        {},
        "data.label: expected numbers in 'y', received date such as '2024-01-01', '2024-02-01'",
    ),
    "lists": (
        {"y": [[1, 2], [3]], "x": [1, 2]},
        {},
        "data.label: expected one value in a row in 'y', received lists, structures or bytes",
    ),
    "infinite": (
        {"y": [1.0, math.inf, -math.inf], "x": [1, 2, 3]},
        {},
        "data.label: expected finite numbers in 'y', received 2 that are infinite or beyond "
        "3.4e+38; leave these fields empty",
    ),
    "beyond 32 bits": (
        {"y": [1.0, 1e39], "x": [1, 2]},
        {},
        "data.label: expected finite numbers in 'y', received 1 that are infinite or beyond "
        "3.4e+38; leave these fields empty",
    ),
}

WEIGHT = {
    "not a column": (
        {"trips": [1, 2]},
        "data.weight: expected a column of the data, received 'w'; columns: y, trips",
    ),
    "like another": (
        {"wt": [1, 2]},
        "data.weight: expected a column of the data, received 'w'; did you mean wt?",
    ),
    "never there": ({"w": pa.nulls(2)}, "data.weight: expected values in 'w', received none"),
    "text": (
        {"w": ["a", "b"]},
        "data.weight: expected numbers in 'w', received text such as 'a', 'b'",
    ),
    "lists": (
        {"w": [[1], [2]]},
        "data.weight: expected one value in a row in 'w', received lists, structures or bytes",
    ),
    "all 0": (
        {"w": [0, 0]},
        "data.weight: expected weights above 0 in 'w', received 0 in all rows with a label",
    ),
    **{
        told: (
            {"w": [1.0, wrong]},
            "data.weight: expected a finite number >= 0 in 'w' in every row with a label, "
            f"received {told} in a row; write 0 in rows that are not to count",
        )
        for told, wrong in (("none", None), ("inf", math.inf), ("1e+39", 1e39), ("-2", -2.0))
    },
}

NAMES = {
    "an exclusion that is no column": (
        {"exclude": ["bedroms"]},
        "data.exclude: expected a column of the data, received 'bedroms'; did you mean bedrooms?",
    ),
    "the label kept": (
        {"keep": ["y"]},
        "data.keep: expected a column that is not data.label too, received 'y'",
    ),
    "the weights kept": (
        {"weight": "bedrooms", "keep": ["bedrooms"]},
        "data.keep: expected a column that is not data.weight too, received 'bedrooms'",
    ),
    "kept and excluded": (
        {"exclude": ["bedrooms"], "keep": ["bedrooms"]},
        "data.keep: expected a column that is not data.exclude too, received 'bedrooms'",
    ),
    "nothing to keep": (
        {"keep": ["empty"]},
        "data.keep: expected columns of values, received 'empty': no value in any row",
    ),
    "nothing left": (
        {"exclude": ["bedrooms", "below", "gaps", "words"]},
        "data: expected a column to predict y from, received none; left out: bedrooms (excluded), "
        "below (excluded), gaps (excluded), words (excluded), zero (always 0) and 1 more",
    ),
}

ROWS = _table(part=["train", "test"])

MARCH = [f"2024-03-{day:02}" for day in range(1, 31)]

SPLITS = {
    "by no column": (
        {"rows.csv": _table(part=["train", "test"])},
        ["data.path=~/rows.csv", "data.splits.column=prat"],
        "data.splits.column: expected a column of the data, received 'prat'; did you mean part?",
    ),
    "by the label": (
        {"rows.csv": _table(part=["train", "test"])},
        ["data.path=~/rows.csv", "data.splits.column=y"],
        "data.splits.column: expected a column that is not the label, received 'y'; "
        "see: huberflow config",
    ),
    "by numbers": (
        {"rows.csv": _table(part=[0.5, 1.5])},
        ["data.path=~/rows.csv", "data.splits.column=part"],
        "data.splits.column: expected words such as train and eval, or dates in 'part', received "
        "number such as 0.5, 1.5",
    ),
    "by other words": (
        {"rows.csv": _table(part=["train", "holdout"])},
        ["data.path=~/rows.csv", "data.splits.column=part"],
        "data.splits.column: expected words such as train and eval in 'part', received 'holdout'; "
        "write what they stand for: --set 'data.splits.values={train: train, holdout: eval}'",
    ),
    "by a word that is missing": (
        {"rows.csv": _table(part=["train", "", "test"])},
        ["data.path=~/rows.csv", "data.splits.column=part"],
        "data.splits.column: expected a word for every row in 'part', received none in 10",
    ),
    "by too many words": (
        {"rows.csv": _table(part=[f"a{n}" for n in range(30)])},
        ["data.path=~/rows.csv", "data.splits.column=part"],
        "data.splits.column: expected words such as train and eval, or dates in 'part', received "
        "30 values such as 'a0', 'a1'",
    ),
    "by words without one for eval": (
        {"rows.csv": _table(part=["train", "val"])},
        ["data.path=~/rows.csv", "data.splits.column=part"],
        "data.splits: expected rows with y in train, eval, validation, received none in eval; "
        "write which word is: --set 'data.splits.values={WORD: eval}'",
    ),
    "by a column that is a feature": (
        {"rows.csv": _table(part=["train", "test"])},
        [
            "data.path=~/rows.csv",
            "data.splits.column=part",
            "features.categorical=[part]",
        ],
        "data.splits.column: expected a column that is no feature, received 'part'; "
        "see: huberflow config",
    ),
    "by a column that is kept": (
        {"rows.csv": _table(part=["train", "test"])},
        ["data.path=~/rows.csv", "data.splits.column=part", "data.keep=[part]"],
        "data.keep: expected a column that is not data.splits.column too, received 'part'",
    ),
    "by dates of too few days": (
        {"rows.csv": _table(sold=MARCH[:2])},
        ["data.path=~/rows.csv", "data.splits.column=sold"],
        "data.splits.column: expected at least 3 days among the rows with y in 'sold', received 2",
    ),
    "by dates that may be of two kinds": (
        {"rows.csv": _table(sold=["01/02/2024", "03/04/2024", "05/06/2024"])},
        ["data.path=~/rows.csv", "data.splits.column=sold"],
        "data.splits.column: expected words such as train and eval, or dates in 'sold', received "
        "dates whose day and month cannot be told apart; write them as YYYY-MM-DD",
    ),
    "at a day after all": (
        {"rows.csv": _table(sold=MARCH)},
        ["data.path=~/rows.csv", "data.splits.column=sold", "data.splits.days.eval=2024-04-01"],
        "data.splits: expected rows with y in train, validation, eval, received none in eval; "
        "to have the days found anew, write: --set data.splits.days=null",
    ),
    "at days that are not in order": (
        {"rows.csv": _table(sold=MARCH)},
        ["data.path=~/rows.csv", "data.splits.column=sold", "data.splits.days.eval=2024-03-02"],
        "data.splits.days.eval: expected a later day than validation, 2024-03-19, "
        "received 2024-03-02; see: huberflow config",
    ),
    "at days, and by words": (
        {"rows.csv": _table(sold=MARCH)},
        ["data.path=~/rows.csv", "data.splits.column=sold", "data.splits.values={a: train}"],
        "data.splits.values: expected values or days, received both; "
        "write: --set 'data.splits.values={}'",
    ),
    "at days that are written otherwise": (
        {"rows.csv": _table(sold=MARCH)},
        ["data.path=~/rows.csv", "data.splits.column=sold", "data.splits.days.written=YYYY/MM/DD"],
        "data.splits.days.written: expected YYYY-MM-DD, as sold is written, received YYYY/MM/DD; "
        "write: --set data.splits.days=null",
    ),
    "at days without a column": (
        {"rows.csv": _table(sold=MARCH)},
        [
            "data.path=~/rows.csv",
            "data.splits.days={written: YYYY-MM-DD, validation: 2024-03-02, eval: 2024-03-03}",
        ],
        "data.splits.column: expected the column of splits.days, received null; "
        "write: --set data.splits.days=null",
    ),
    "of the taxi trips": (
        {},
        ["data.splits.column=company"],
        "data.splits.column: expected null for the taxi trips, received 'company'; "
        "write: --data PATH",
    ),
    "by files, but one": (
        {"a.csv": ROWS},
        ["data.splits.files.train=~/a.csv"],
        "data.splits.files.eval: expected files, as other splits have them, received null; "
        "write: --set data.splits.files.eval=PATH",
    ),
    "by a file that is not there": (
        {"a.csv": ROWS, "test.csv": ROWS},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/tset.csv"],
        "data.splits.files.eval: expected a file or folder, received ~/tset.csv, which is not "
        "there; did you mean ~/test.csv?",
    ),
    "by one file twice": (
        {"d/a.csv": ROWS, "d/b.csv": ROWS},
        ["data.splits.files.train=~/d", "data.splits.files.eval=~/d/b.csv"],
        "data.splits.files.eval: expected other files than data.splits.files.train, "
        "received ~/d/b.csv in both",
    ),
    "by files beside others": (
        {"a.csv": ROWS, "b.csv": ROWS, "c.csv": ROWS},
        ["data.path=~/a.csv", "data.splits.files.train=~/b.csv", "data.splits.files.eval=~/c.csv"],
        "data.path: expected null beside splits.files, received '~/a.csv'; "
        "write: --set data.path=null",
    ),
    "by files, and by a column": (
        {"a.csv": _table(part=["train", "test"]), "b.csv": _table(part=["train", "test"])},
        [
            "data.splits.files.train=~/a.csv",
            "data.splits.files.eval=~/b.csv",
            "data.splits.column=part",
        ],
        "data.splits.column: expected null beside splits.files, received 'part'; "
        "write: --set data.splits.column=null",
    ),
    "by files of two kinds": (
        {"a.csv": ROWS, "b.parquet": {"x": [1, 2], "y": [2, 3]}},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.parquet"],
        "data.splits.files.eval: expected files like those of data.splits.files.train, such as "
        "a.csv, received b.parquet; write all as one kind, compressed all or none",
    ),
    "by files of other columns": (
        {"a.csv": ROWS, "b.csv": "part,x\ntest,1\n"},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.csv"],
        "~/b.csv, line 1: expected the columns of a.csv in their order, received none where it "
        "has y",
    ),
    "by a file without rows": (
        {"a.csv": ROWS, "b.csv": "part,x,y\n"},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.csv"],
        "data.splits.files.eval: expected rows with y, received none",
    ),
    "by a file without a label": (
        {"a.csv": ROWS, "b.csv": "part,x,y\ntrain,1,\ntest,2,nan\n"},
        ["data.splits.files.train=~/a.csv", "data.splits.files.eval=~/b.csv"],
        "data.splits.files.eval: expected rows with y, received none",
    ),
    "by a split that there is not": (
        {"a.csv": ROWS, "b.csv": ROWS},
        ["data.splits.files.train=~/a.csv", "data.splits.files.test=~/b.csv"],
        "data.splits.files.test: no such key; expected one of: train, validation, eval",
    ),
}

USES = {
    "numbers of a column that is not there": (
        ["features.numeric=[bedroom]"],
        "features.numeric: expected a column of the data, received 'bedroom'; did you mean "
        "bedrooms?",
    ),
    "numbers of words": (
        ["features.numeric=[words]"],
        "features.numeric: expected numbers in 'words', received text such as 'a', 'b'",
    ),
    "a circle of words": (
        ["features.cyclic={words: 7}"],
        "features.cyclic: expected numbers in 'words', received text such as 'a', 'b'",
    ),
    "categories of nothing": (
        ["features.categorical=[empty]"],
        "features.categorical: expected values in 'empty', received none",
    ),
    "slices of a column that is not there": (
        ["evaluation.slices=[[word]]"],
        "evaluation.slices: expected a column of the data, received 'word'; did you mean words?",
    ),
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


@pytest.mark.parametrize(("files", "path", "expected"), NOT_THERE.values(), ids=NOT_THERE)
def test_a_path_is_refused(tmp_path, files, path, expected):
    written(tmp_path, files)
    assert message(tmp_path, path) == expected


@pytest.mark.parametrize(("content", "expected"), CSV.values(), ids=CSV)
def test_a_csv_file_is_refused(tmp_path, content, expected):
    written(tmp_path, {"a.csv": content})
    assert message(tmp_path, "a.csv") == expected


@pytest.mark.parametrize(("files", "expected"), OTHER_FILES.values(), ids=OTHER_FILES)
def test_files_are_refused(tmp_path, files, expected):
    written(tmp_path, files)
    assert message(tmp_path, "d") == expected


@pytest.mark.parametrize(("settings", "expected"), USES.values(), ids=USES)
def test_a_use_is_refused(tmp_path, settings, expected):
    written(tmp_path, {"a.parquet": HOUSES})
    with pytest.raises(InputError) as refused:
        load(None, [f"data.path={tmp_path}/a.parquet", "data.label=y", *settings])
    assert str(refused.value) == expected


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


@pytest.mark.parametrize(("content", "found"), FINE.values(), ids=FINE)
def test_what_is_merely_odd_is_told_in_the_config(tmp_path, content, found):
    written(tmp_path, {"a.csv": content})
    asked = ["config", "--data", f"{tmp_path}/a.csv", "--label", "y"]
    done = CliRunner().invoke(cli, asked)
    assert (done.exit_code, done.stderr) == (0, "")
    assert found in done.stdout


@pytest.mark.parametrize(("columns", "options", "expected"), LABEL.values(), ids=LABEL)
def test_a_label_is_refused(tmp_path, columns, options, expected):
    written(tmp_path, {"a.parquet": columns})
    assert message(tmp_path, "a.parquet", **options) == expected


def test_a_label_with_words_for_missing_is_refused(tmp_path):
    written(tmp_path, {"a.csv": "x,y\n1,2\n2,NA\n3,4\n4,NA\n5,?\n"})
    assert message(tmp_path, "a.csv") == (
        "data.label: expected numbers in 'y', received numbers but for 2 x 'NA', "
        "1 x '?'; leave these fields empty"
    )


@pytest.mark.parametrize(("columns", "expected"), WEIGHT.values(), ids=WEIGHT)
def test_weights_are_refused(tmp_path, columns, expected):
    written(tmp_path, {"a.parquet": {"y": [1, 2], **columns}})
    assert message(tmp_path, "a.parquet", weight="w") == expected


def test_the_label_is_refused_as_weights(tmp_path):
    written(tmp_path, {"a.csv": GOOD})
    assert message(tmp_path, "a.csv", weight="y") == (
        "data.weight: expected a column that is not the label, received 'y'"
    )


@pytest.mark.parametrize("weight", ["", "-2"])
def test_weights_of_rows_without_a_label_may_be_anything(tmp_path, weight):
    written(tmp_path, {"a.csv": f"x,y,w\n1.5,2,1\n2.5,3,0.5\n3.5,,{weight}\n"})
    said(tmp_path, "a.csv", verb="config", code=0, weight="w")


@pytest.mark.parametrize(("options", "expected"), NAMES.values(), ids=NAMES)
def test_a_choice_of_columns_is_refused(tmp_path, options, expected):
    written(tmp_path, {"a.parquet": HOUSES})
    assert message(tmp_path, "a.parquet", **options) == expected


@pytest.mark.parametrize(("files", "settings", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_split_is_refused(tmp_path, files, settings, expected):
    written(tmp_path, files)
    with pytest.raises(InputError) as refused:
        load(None, ["data.label=y", *(each.replace("~", str(tmp_path)) for each in settings)])
    assert str(refused.value).replace(str(tmp_path), "~") == expected


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
    """A folder that all may enter, pytest's own being its user's alone; and two that none may."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, {"shut.csv": GOOD, "shut/a.csv": GOOD})
        folder.chmod(0o755)
        (folder / "shut.csv").chmod(0)
        (folder / "shut").chmod(0)
        yield folder
        (folder / "shut").chmod(0o700)


@pytest.mark.parametrize("path", ["shut.csv", "shut", "shut/a.csv"])
def test_what_may_not_be_read_is_said(shut, plain_user, path):
    assert message(shut, path) == f"data.path: ~/{path} cannot be read: Permission denied"
