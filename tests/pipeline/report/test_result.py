"""The result at the end of a run."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from evaluation_reports import report
from evaluation_reports import slice_row as row
from rich.console import Console

from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.validation_findings import Anomaly, Shift, ValidationFindings
from huberflow.pipeline.config import Config
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.report.result import Result, print_result, read_result

EVALUATION = EvaluationConfig.from_json(Config().plain()["evaluation"])


def finished(*rows, reasons=(), baseline_dropped=None, **changes) -> Result:
    found = report(*rows, reasons=reasons, baseline_dropped=baseline_dropped)
    return Result(**{"report": found, "pushed": None, **changes})


def shown(found: Result, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_result(console, found, EVALUATION)
    return console.file.getvalue()


def line(text: str, start: str) -> str:
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return " ".join(found.split())


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (
            [row(2.34567, rows=4512)],
            ["metric this model last blessed change", "huber 2.346 -", "example_count 4,512 -"],
        ),
        ([row(2.2, before=2.0)], ["huber 2.2 2 +10.0%", "calibration 1 1 +0.0%"]),
        ([row(2.2, before=0.0)], ["huber 2.2 0"]),
        ([row(math.nan, before=2.0)], ["huber - 2"]),
        ([row(9.0, payment_type="Cash"), row(2.0)], ["huber 2 -"]),
        (
            [row(2.2, before=2.0, constant=4.5)],
            ["metric this model last blessed change median", "huber 2.2 2 +10.0% 4.5"],
        ),
        ([row(2.2, constant=4.5)], ["huber 2.2 - 4.5", "example_count 1,000 - -"]),
    ],
    ids=[
        "a first model",
        "and the baseline",
        "none against zero",
        "undefined",
        "of all rows",
        "and the median",
        "only the median",
    ],
)
def test_metrics_of_both_models_and_their_change(rows, lines):
    text = shown(finished(*rows))
    assert [line(text, each.split()[0]) for each in lines] == lines


class TestWorstSlice:
    @pytest.mark.parametrize(
        ("rows", "text"),
        [
            (
                [row(3, 100, payment_type="Cash"), row(4, 50, payment_type="Card")],
                "payment_type=Card: huber 4 over 50 rows",
            ),
            ([row(4, 50, company="Flash\nCab")], "company=Flash Cab: huber 4 over 50 rows"),
            ([row(3, 100, pay="Cash", hour=7)], "pay=Cash, hour=7: huber 3 over 100 rows"),
            ([row(3, 100, company="[red]")], "company=[red]: huber 3 over 100 rows"),
        ],
        ids=["the highest value", "a category of several lines", "several columns", "brackets"],
    )
    def test_is_shown_with_its_value_and_rows(self, rows, text):
        assert line(shown(finished(row(2), *rows)), "worst") == f"worst slice {text}"

    @pytest.mark.parametrize(
        ("direction", "rows", "size"),
        [
            ("higher", [row(2), row(3, 100, size="large"), row(1, 100, size="small")], "small"),
            ("lower", [row(2), row(3, size="large"), row(99, 29, size="small")], "large"),
            ("lower", [row(2), row(3, size="large"), row(99, 30, size="small")], "small"),
            ("lower", [row(2), row(math.nan, size="none"), row(3, size="large")], "large"),
            ("lower", [row(3, size="large"), row(math.nan, size="none"), row(2)], "large"),
            ("lower", [row(99), row(3, size="large")], "large"),
        ],
        ids=["lowest", "not of 29 rows", "of 30", "defined", "in any order", "not all rows"],
    )
    def test_is(self, direction, rows, size):
        assert finished(*rows).worst_slice("huber", direction).slice == {"size": size}

    def test_is_not_named_where_all_are_tiny(self):
        assert "worst" not in shown(finished(row(2), row(3, 5, payment_type="Cash")))


class TestVerdict:
    def test_blessed(self):
        text = shown(finished())
        assert line(text, "blessed") == "blessed yes"
        assert "not blessed" not in text

    def test_not_blessed_lists_every_reason(self):
        reasons = ("huber of all rows is 4, above the upper bound 3", "no row of a=[b]")
        text = shown(finished(reasons=reasons))
        assert "blessed       yes" not in text
        assert text.splitlines()[-3:] == [
            f"not blessed   {reasons[0]}",
            f"              {reasons[1]}",
            "pushed        nothing; the served model stays the same",
        ]


def test_a_dropped_baseline_is_shown_with_its_reason():
    found = finished(baseline_dropped="it has different outputs")
    assert line(shown(found), "dropped") == (
        "dropped the last blessed model: it has different outputs"
    )


class TestData:
    def test_all_findings_are_shown(self):
        text = shown(
            finished(anomalies=["pay: new"], drift=["[b]: far", "fare: near"], skew=["fare: far"])
        )
        assert [line for line in text.splitlines() if ": " in line][-4:] == [
            "anomalies     pay: new",
            "drift         [b]: far",
            "              fare: near",
            "skew          fare: far",
        ]

    def test_of_many_columns_only_the_first_are_listed(self):
        text = shown(finished(drift=[f"column_{number}: far" for number in range(9)]))
        assert "column_4: far\n              and 4 more, in the report\n" in text
        assert "column_5" not in text

    def test_without_findings_nothing_is_shown(self):
        text = shown(finished())
        assert not [name for name in ("anomalies", "drift", "skew") if name in text]


class TestPushed:
    @pytest.fixture
    def serving(self, tmp_path):
        """A model's folder of versions."""

        def serving(*versions: str) -> Path:
            for version in versions:
                (tmp_path / "taxi" / version).mkdir(parents=True)
            return tmp_path / "taxi"

        return serving

    @pytest.mark.parametrize(
        ("versions", "pushed", "note"),
        [
            (["1", "2"], "2", ""),
            (["9", "10"], "10", ""),
            (["9", "10"], "9", " by an earlier run; version 10 is newer and serves"),
            ([], "2", " by an earlier run, but deleted since; write: --no-cache"),
            (["1", "3"], "2", " by an earlier run, but deleted since; write: --no-cache"),
            (["1", ".pushing-2", "2024-backup", "3.tmp", "old"], "1", ""),
        ],
    )
    def test_has_the_path_even_on_a_narrow_terminal(self, serving, versions, pushed, note):
        folder = serving(*versions)
        text = line(shown(finished(pushed=folder / pushed), width=40), "pushed")
        assert text == f"pushed {folder}/{pushed}{note}"


NEW = Anomaly("pay", "expected Cash, received Card", ("eval",))
FAR = Shift("drift", "pay", "infinity_norm", 0.25, threshold=0.1, largest="Card")


class TestRead:
    @pytest.fixture
    def run(self, tmp_path):
        """Executions of a run whose results lie in ``tmp_path``."""
        report(row(2.5)).write(tmp_path / "report.json")
        ValidationFindings((NEW,), (FAR,)).write(tmp_path / "findings.json")

        def run(*, pushed=None, validator="ran") -> dict[str, Execution]:
            outputs = {
                "Evaluator": ("evaluation", tmp_path, {}),
                "Pusher": ("pushed_model", tmp_path, pushed or {"pushed": 0}),
                "ExampleValidator": ("anomalies", tmp_path, {}),
            }
            states = {"ExampleValidator": validator}
            return {
                node: Execution(
                    1,
                    node,
                    "run-1",
                    states.get(node, "ran"),
                    {},
                    {},
                    {key: (Artifact(1, uri, properties),)},
                )
                for node, (key, uri, properties) in outputs.items()
            }

        return run

    def test_of_a_pushed_model(self, run):
        found = read_result(run(pushed={"pushed": 1, "pushed_destination": "/w/serving/taxi/3"}))
        assert found.report.blessed
        assert found.pushed == Path("/w/serving/taxi/3")
        assert found.report.overall.candidate["huber"] == 2.5

    def test_of_data_and_of_a_model_that_was_not_pushed(self, run):
        found = read_result(run())
        assert found.pushed is None
        assert found.anomalies == ["pay: expected Cash, received Card, in eval"]
        assert found.drift == ['pay: L-infinity 0.25 above 0.1 (largest change: "Card")']
        assert found.skew == []

    def test_of_data_that_an_earlier_run_validated_has_no_drift(self, run):
        found = read_result(run(validator="cached"))
        assert (found.drift, found.skew) == ([], [])
        assert found.anomalies
