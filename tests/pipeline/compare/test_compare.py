"""What a user reads when runs stand side by side."""

import csv
import io
import itertools
import json

import pytest
from journals import START, Story
from rich.console import Console

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.compare import comparison as compared_runs
from huberflow.pipeline.compare import views
from huberflow.pipeline.history import run_history, select
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import load

NODES = {
    "Transform": lambda config: {
        "features": config["features"],
        "label": config["data"]["label"],
        "source": {"components/contracts/features.py": "aaaa"},
    },
    "Trainer": lambda config: {
        "label": config["data"]["label"],
        "model": config["model"],
        "training": config["training"],
        "source": {"components/training/model.py": "bbbb", "custom_objects/losses.py": "cccc"},
    },
    "Evaluator": lambda config: {"evaluation": config["evaluation"]},
}


class Journals:
    """Writes the journals of a workspace."""

    def __init__(self, root):
        self._workspace = Workspace(root)
        self._count = itertools.count(1)

    def add(
        self,
        run_id,
        *settings,
        metrics=None,
        slices=None,
        blessed=True,
        status="done",
        reached=("Transform", "Trainer", "Evaluator"),
        trainer="ran",
        source=None,
        **begin,
    ):
        """A run that came as far as ``reached``; evaluated where it has metrics."""
        config = load(None, settings).plain()
        started = START + 60 * next(self._count)
        story = Story(
            self._workspace.journals,
            run_id,
            time=started,
            config=config,
            **{"name": run_id, **begin},
        )
        for node in reached:
            properties = NODES[node](config)
            properties.get("source", {}).update(source or {})
            outputs = {}
            if node == "Evaluator" and metrics is not None:
                outputs = {"evaluation": self._evaluation(run_id, metrics, slices, blessed)}
            story.runs(
                node,
                state=trainer if node == "Trainer" else "ran",
                properties={"custom_config": properties},
                outputs=outputs,
            )
        story.ends(status)

    def runs(self):
        return run_history.all_runs(self._workspace, pytest.fail)

    def _evaluation(self, run_id, metrics, slices, blessed):
        uri = self._workspace.artifacts / "evaluation" / run_id
        uri.mkdir(parents=True)
        rows = [SliceMetrics({}, metrics)]
        rows += [
            SliceMetrics({"payment_type": value}, {"huber": huber})
            for value, huber in (slices or {}).items()
        ]
        EvaluationReport(tuple(metrics), blessed, (), tuple(rows)).write(uri / "report.json")
        return uri, {}


@pytest.fixture
def journals(tmp_path):
    return Journals(tmp_path)


def compared(journals, *, slices=False):
    return compared_runs.compare(journals.runs(), slices=slices)


def shown(comparison, width=200) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(views.table(comparison))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def cells(comparison) -> list[list[str]]:
    return [line.split() for line in shown(comparison)]


class TestChoosing:
    @pytest.fixture
    def runs(self, journals):
        journals.add("2026-01-01T10", metrics={"huber": 1.0}, name="first")
        journals.add("2026-01-02T10", status="failed", reached=())
        journals.add("2026-02-01T10", kind="sweep", reached=(), name="by threshold")
        journals.add("2026-02-01T10-1", metrics={"huber": 2.0}, sweep="2026-02-01T10")
        journals.add("2026-02-01T10-2", metrics={"huber": 3.0}, sweep="2026-02-01T10")
        return journals.runs()

    def test_trials_of_a_sweep_are_in_its_order_whichever_began_first(self, journals):
        journals.add("sweep", kind="sweep", reached=())
        for place in (1, 3, 2):
            metrics = {"huber": float(place)}
            journals.add(f"p{place}", metrics=metrics, sweep="sweep", facts={"sweep_trial": place})
        found = select.select_runs(journals.runs(), ["sweep"])
        assert [run.id for run in found] == ["p1", "p2", "p3"]

    @pytest.mark.parametrize(
        ("names", "ids"),
        [
            (["2026-01-01T10"], ["2026-01-01T10"]),
            (["2026-01-02"], ["2026-01-02T10"]),
            (["first"], ["2026-01-01T10"]),
            (["latest"], ["2026-02-01T10-2"]),
            (["latest~3", "latest"], ["2026-01-01T10", "2026-02-01T10-2"]),
            (["first", "2026-01-01T10"], ["2026-01-01T10"]),
            (["2026-02-01T10"], ["2026-02-01T10-1", "2026-02-01T10-2"]),
            (["2026-02"], ["2026-02-01T10-1", "2026-02-01T10-2"]),
            (["by threshold"], ["2026-02-01T10-1", "2026-02-01T10-2"]),
            ([], ["2026-01-01T10", "2026-02-01T10-1", "2026-02-01T10-2"]),
        ],
    )
    def test_by_name(self, runs, names, ids):
        assert [run.id for run in select.select_runs(runs, names)] == ids

    def test_the_latest_ten_where_none_is_named(self, journals):
        for day in range(10, 22):
            journals.add(f"2026-03-{day}", metrics={"huber": 1.0})
        chosen = select.select_runs(journals.runs(), [])
        assert [run.id for run in chosen] == [f"2026-03-{day}" for day in range(12, 22)]

    @pytest.mark.parametrize(
        ("name", "remedy"),
        [
            ("2026-01", "such as: 2026-01-01T10, 2026-01-02T10"),
            ("frist", "write: first"),
            ("zzz", "write: 2026-02-01T10-2"),
            ("latest~4", "write: latest~3"),
        ],
    )
    def test_what_is_not_one_run_is_refused(self, runs, name, remedy):
        with pytest.raises(InputError) as caught:
            select.select_runs(runs, [name])
        assert caught.value.key == name
        assert str(caught.value).endswith(remedy)

    @pytest.mark.parametrize("names", [[], ["latest"], ["x"]])
    def test_an_empty_workspace_says_how_to_begin(self, journals, names):
        with pytest.raises(InputError) as caught:
            select.select_runs(journals.runs(), names)
        assert caught.value.write == "huberflow run"


class TestSettings:
    def test_are_those_that_differ(self, journals):
        journals.add("a", "training.loss.config.threshold=0.5", "training.epochs=3")
        journals.add("b", "training.loss.config.threshold=2.0", "training.epochs=3")
        found = compared(journals)
        assert found.params == ("training.loss.config.threshold",)
        assert [row.params["training.loss.config.threshold"] for row in found.rows] == [
            "0.5",
            "2.0",
        ]

    def test_of_another_object_may_be_missing(self, journals):
        journals.add("a", "training.loss.config.threshold=2.0")
        journals.add("b", "training.loss.name=LogCosh")
        one, other = compared(journals).rows
        assert one.params == {
            "training.loss.config.threshold": "2.0",
            "training.loss.name": "HuberLoss",
        }
        assert other.params == {"training.loss.name": "LogCosh"}

    def test_of_several_nodes_are_one(self, journals):
        journals.add("a", "data.label=fare")
        journals.add("b", "data.label=tips")
        assert compared(journals).params == ("label",)

    def test_that_a_run_did_not_come_to_are_no_difference(self, journals):
        journals.add("a")
        journals.add("b", reached=["Transform"], status="failed")
        assert compared(journals).params == ()

    def test_code_that_changed_is_named_by_file(self, journals):
        journals.add("a", source={"custom_objects/losses.py": "1111"})
        journals.add("b", source={"custom_objects/losses.py": "2222"})
        journals.add("c", source={"custom_objects/losses.py": "1111", "mine.py": "3333"})
        found = compared(journals)
        assert found.params == ()
        assert [row.code for row in found.rows] == [(), ("custom_objects/losses.py",), ()]


class TestResults:
    def best(self, journals, metric):
        found = compared(journals)
        return [row.run for row in found.rows if row.metrics[metric].best]

    @pytest.mark.parametrize(("first", "change"), [(2.0, -0.25), (0.0, None)])
    def test_change_is_against_the_first_run_unless_that_is_zero(self, journals, first, change):
        journals.add("a", metrics={"huber": first})
        journals.add("b", metrics={"huber": 1.5})
        assert [row.metrics["huber"].change for row in compared(journals).rows] == [None, change]

    @pytest.mark.parametrize(
        ("name", "best"),
        [
            ("MeanAbsoluteError", "a"),
            ("BinaryAccuracy", "b"),
            ("AUC", "b"),
            ("Precision", "b"),
            ("Recall", "b"),
            ("R2Score", "b"),
            ("CosineSimilarity", "b"),
        ],
    )
    def test_the_class_of_a_metric_says_what_is_better(self, journals, name, best):
        for run_id, value in (("a", 1.0), ("b", 2.0)):
            journals.add(run_id, metrics={"huber": value})
        runs = [with_metric(run, name) for run in journals.runs()]
        rows = compared_runs.compare(runs, slices=False).rows
        assert [row.run for row in rows if row.metrics["huber"].best] == [best]

    @pytest.mark.parametrize(
        ("metric", "values", "best"),
        [
            ("calibration", [0.7, 1.1, 1.4], ["b"]),
            ("example_count", [5.0, 6.0], []),
            ("huber", [2.0, 2.0], []),
            ("huber", [float("nan"), 2.0, 3.0], ["b"]),
        ],
        ids=["next to one", "more rows are not better", "equal", "NaN"],
    )
    def test_the_best_value(self, journals, metric, values, best):
        for run_id, value in zip("abc", values, strict=False):
            journals.add(run_id, metrics={metric: value})
        assert self.best(journals, metric) == best

    def test_metrics_that_only_share_their_key_are_not_judged(self, journals):
        journals.add("a", metrics={"huber": 1.0})
        journals.add("b", "evaluation.metrics.0.config.threshold=9.0", metrics={"huber": 2.0})
        assert self.best(journals, "huber") == []

    def test_of_a_failed_run_are_none(self, journals):
        journals.add("a", metrics={"huber": 1.0})
        journals.add("b", status="failed", reached=["Transform"])
        failed = compared(journals).rows[1]
        assert (failed.status, failed.metrics, failed.training) == ("failed", {}, None)

    def test_verdict_time_and_training(self, journals):
        journals.add("a", metrics={"huber": 1.0})
        journals.add("b", metrics={"huber": 2.0}, blessed=False, trainer="cached")
        assert [(row.status, row.training, row.seconds) for row in compared(journals).rows] == [
            ("blessed", "ran", 7.0),
            ("not blessed", "cached", 7.0),
        ]

    def test_by_slice_are_of_the_gates_metric(self, journals):
        journals.add("a", metrics={"huber": 1.0}, slices={"Cash": 1.0, "Card": 4.0})
        journals.add("b", metrics={"huber": 1.0}, slices={"Cash": 3.0, "Pcard": 2.0})
        found = compared(journals, slices=True)
        assert found.slice_metric == "huber"
        assert found.slices == ("payment_type=Cash", "payment_type=Card", "payment_type=Pcard")
        one, other = (row.slices["payment_type=Cash"] for row in found.rows)
        assert (one.best, other.best, other.change) == (True, False, 2.0)
        assert "payment_type=Pcard" not in found.rows[0].slices


def with_metric(run, name):
    """The run, its ``huber`` being a metric of another class."""
    metrics = [{"name": name, "config": {}, "key": "huber"}]
    run.config["evaluation"]["metrics"] = metrics
    return run


class TestTable:
    def test_has_a_line_per_run(self, journals):
        journals.add("a", "training.loss.config.threshold=0.5", metrics={"huber": 2.0})
        journals.add("b", "training.loss.config.threshold=2.0", metrics={"huber": 1.5})
        journals.add("c", status="failed", reached=["Transform"])
        assert cells(compared(journals)) == [
            ["run", "status", "seconds", "training", "threshold", "huber"],
            ["a", "blessed", "7.0", "ran", "0.5", "2"],
            ["b", "blessed", "7.0", "ran", "2.0", "1.5*", "-25.0%"],
            ["c", "failed", "3.0", "-", "-", "-"],
            ["*", "best;", "%", "from", "a"],
        ]

    def test_names_that_were_given_are_shown(self, journals):
        journals.add("a", "tracking.run_name=wider net")
        journals.add("b")
        assert [line.split()[:3] for line in shown(compared(journals))[:3]] == [
            ["run", "name", "status"],
            ["a", "wider", "net"],
            ["b", "-", "no"],
        ]

    def test_tells_like_named_settings_apart(self, journals):
        for run_id, value in (("a", 1.0), ("b", 2.0)):
            journals.add(
                run_id,
                f"training.loss.config.threshold={value}",
                f"training.metrics.0.config.threshold={value}",
            )
        header = shown(compared(journals))[0].split()
        assert "loss.config.threshold" in header
        assert "metrics.0.config.threshold" in header

    def test_the_settings_that_vary_least_are_only_counted(self, journals):
        varied = [
            *(f"training.{key}" for key in ("batch_size", "epochs", "steps_per_epoch")),
            *(f"evaluation.metrics.{place}.config.quantile" for place in (3, 4)),
            *(f"model.{key}" for key in ("embedding_dimension", "hidden_units.0")),
            "features.vocabulary_size",
        ]
        for number in (1, 2, 3):
            little = "fare" if number == 1 else "tips"
            settings = [f"{key}={number / 4 if 'quantile' in key else number}" for key in varied]
            journals.add(f"{number}", f"data.label={little}", *settings)
        header, *_, last = shown(compared(journals))
        assert "vocabulary_size" in header.split()
        assert "label" not in header.split()
        assert last == "settings left out: 1; see all with: --json"

    def test_goes_on_below_where_the_terminal_is_narrow(self, journals):
        journals.add("a", "seed=1", metrics={"huber": 2.0, "mae": 3.0})
        lines = shown(compared(journals), width=37)
        assert [line.split() for line in lines[:5]] == [
            ["run", "status", "seconds", "training"],
            ["a", "blessed", "7.0", "ran"],
            [],
            ["run", "huber", "mae"],
            ["a", "2", "3"],
        ]

    def test_columns_line_up(self, journals):
        journals.add("a", metrics={"huber": 2.0})
        journals.add("bcd", metrics={"huber": 12.25}, blessed=False)
        header, one, other = shown(compared(journals))[:3]
        ends = [line.index(text) + len(text) for line, text in ((one, "2*"), (other, "12.25"))]
        assert ends[0] == ends[1] + 1  # the mark stands behind the number
        assert header.index("status") == one.index("blessed") == other.index("not blessed")

    def test_slices_have_a_line_each(self, journals):
        journals.add("a", metrics={"huber": 1.0}, slices={"Cash": 1.0, "[red]": 4.0})
        journals.add("b", metrics={"huber": 1.0}, slices={"Cash": 3.0})
        lines = cells(compared(journals, slices=True))
        assert lines[-3:] == [
            ["huber", "a", "b"],
            ["payment_type=Cash", "1*", "3", "+200.0%"],
            ["payment_type=[red]", "4", "-"],
        ]


class TestFiles:
    def test_json_has_everything(self, journals):
        journals.add("a", "training.epochs=1", metrics={"huber": 2.0})
        journals.add("b", "training.epochs=2", metrics={"huber": float("nan")})
        found = json.loads(views.to_json(compared(journals)), parse_constant=pytest.fail)
        assert found["params"] == ["training.epochs"]
        assert found["rows"][0]["metrics"] == {
            "huber": {"value": 2.0, "change": None, "best": False}
        }
        assert found["rows"][1]["metrics"]["huber"]["value"] is None

    def test_csv_has_whole_keys(self, journals):
        journals.add("a", "training.epochs=1", metrics={"huber": 2.5}, slices={"Cash": 1.0})
        journals.add("b", "training.epochs=2", status="failed", reached=["Transform", "Trainer"])
        text = views.to_csv(compared(journals, slices=True))
        one, other = csv.DictReader(io.StringIO(text))
        assert one == {
            "run": "a", "name": "", "status": "blessed", "seconds": "7.0", "training": "ran",
            "code changed": "", "training.epochs": "1", "huber": "2.5",
            "huber payment_type=Cash": "1.0",
        }  # fmt: skip
        assert (other["training.epochs"], other["huber"]) == ("2", "")
