"""The files of a report: what a node contributes, and the page of the whole run."""

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import evaluation_reports
import pytest
from evaluation_reports import slice_row
from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from huberflow.components.contracts.importance import ColumnImportance, Importance
from huberflow.components.contracts.predictions import PredictedRow, write_predictions
from huberflow.components.contracts.threshold import Threshold
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.pipeline.history.git import GitState
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.history.run_history import Epoch, Node, Run, RunMetadata
from huberflow.pipeline.report.files import write_node, write_page

CONFIG = {
    "data": {"path": None, "label": "fare", "classes": []},
    "training": {"loss": {"name": "HuberLoss", "config": {"threshold": 1.0}}},
    "evaluation": {"gate": [{"metric": "huber"}], "metrics": []},
}
NASTY = "<script>alert('ñ')</script>"


def report(*, company="Flash Cab", reasons=()):
    rows = slice_row(2.2, 1200, before=2.0), slice_row(3.3, 1200, before=2.0, company=company)
    return evaluation_reports.report(*rows, reasons=reasons)


@pytest.fixture
def run(tmp_path):
    """A finished run, whose artifacts lie in ``tmp_path``; ``report`` is the Evaluator's."""

    def write(node, path, content):
        file = tmp_path / node / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def node(number, name, key):
        output = {key: (Artifact(100 + number, tmp_path / name, {}),)}
        execution = Execution(number, name, "run-1", "ran", {}, {}, output)
        return Node(name, "ran", 0.0, 8.2, execution, {"peak_memory_mb": 1234.5})

    def run(evaluation=None, column="miles", **changes) -> Run:
        feature = pb.FeatureNameStatistics(type=pb.FeatureNameStatistics.FLOAT, name=column)
        feature.num_stats.common_stats.tot_num_values = 10
        dataset = pb.DatasetFeatureStatistics(num_examples=10, features=[feature])
        found = pb.DatasetFeatureStatisticsList(datasets=[dataset])
        write("StatisticsGen", "Split-train/FeatureStats.pb", found.SerializeToString())
        write("SchemaGen", "schema.pbtxt", 'feature { name: "miles" }')
        for node_name in ("ExampleValidator", "Evaluator", "Trainer"):
            (tmp_path / node_name).mkdir(exist_ok=True)
        ValidationFindings().write(tmp_path / "ExampleValidator" / "findings.json")
        (evaluation or report()).write(tmp_path / "Evaluator" / "report.json")
        rows = [PredictedRow(n, {"prediction": n + 0.5}, {}) for n in range(5)]
        write_predictions(rows, tmp_path / "Trainer" / "predictions.jsonl")
        keys = {
            "StatisticsGen": "statistics",
            "SchemaGen": "schema",
            "ExampleValidator": "anomalies",
            "Trainer": "model_run",
            "Evaluator": "evaluation",
        }
        nodes = {name: node(n, name, key) for n, (name, key) in enumerate(keys.items(), 1)}
        whole = {
            "status": "done",
            "ended": 200.0,
            "config": CONFIG,
            "nodes": nodes,
            "epochs": (Epoch(1, 0.0, {"loss": 2.0, "val_loss": 1.5}),),
        }
        return Run("run-1", "a first run", 0.0, experiment="taxi", **{**whole, **changes})

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "the report"


def failed(run: Run, name: str, cause: str) -> Run:
    """The run if this node had failed, and none had come after it."""
    names = list(run.nodes)[: list(run.nodes).index(name)]
    node = replace(run.nodes[name], state="failed", execution=None, cause=cause)
    nodes = {**{name: run.nodes[name] for name in names}, name: node}
    return replace(run, status="failed", nodes=nodes, epochs=())


class Tags(HTMLParser):
    """Start tags of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page(run: Run, folder) -> Tags:
    for node in run.nodes:
        write_node(run, node, folder)
    return Tags(write_page(run, folder).read_text(encoding="utf-8"))


class TestNode:
    @pytest.mark.parametrize(
        ("node", "files"),
        [
            ("StatisticsGen", {"statistics.html"}),
            ("SchemaGen", {"schema.pbtxt"}),
            ("ExampleValidator", {"anomalies.txt"}),
            (
                "Trainer",
                {
                    "figures/training_curves.png",
                    "figures/predicted_against_true.png",
                    "figures/residuals.png",
                },
            ),
            ("Evaluator", {"figures/error_by_slice.png", "slices.csv", "slices.json"}),
        ],
    )
    def test_contributes_its_files_and_nothing_half_written(self, run, folder, node, files):
        write_node(run(), node, folder)
        written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert written == files

    def test_without_files_writes_nothing(self, run, folder):
        write_node(run(), "Pusher", folder)
        assert not folder.exists()

    @pytest.mark.parametrize("node", ["StatisticsGen", "SchemaGen", "Trainer", "Evaluator"])
    def test_that_failed_writes_nothing(self, run, folder, node):
        write_node(failed(run(), node, "out of memory"), node, folder)
        assert not folder.exists()

    def test_trainer_without_a_sample_still_draws_its_curves(self, run, folder, tmp_path):
        finished = run()
        (tmp_path / "Trainer" / "predictions.jsonl").unlink()
        write_node(finished, "Trainer", folder)
        assert [p.name for p in (folder / "figures").iterdir()] == ["training_curves.png"]

    def test_column_names_are_text_on_the_page_of_statistics(self, run, folder):
        write_node(run(column=NASTY), "StatisticsGen", folder)
        tags = Tags((folder / "statistics.html").read_text(encoding="utf-8"))
        assert NASTY in tags.text
        assert "script" not in dict(tags.found)


class TestPage:
    def test_of_a_blessed_run_compares_it_with_the_last_blessed_one(self, run, folder):
        text = page(run(), folder).text
        assert "not blessed" not in text
        assert "blessed" in text
        assert "On 1,200 rows of the eval split." in text
        assert "huber2.22+10.0%" in "".join(text.split())
        assert "the Chicago Taxi trips that come with TFX" in text

    @pytest.mark.parametrize(
        ("data", "shown"),
        [
            ({"weight": "tips"}, "On 1,200 rows of the eval split, weighted by tips."),
            (
                {"splits": {"files": {"train": "a.csv", "validation": None, "eval": "b.csv"}}},
                "a.csv, b.csv",
            ),
        ],
    )
    def test_names_the_weight_and_the_data(self, run, folder, data, shown):
        config = {**CONFIG, "data": {**CONFIG["data"], **data}}
        assert shown in page(run(config=config), folder).text

    @pytest.mark.parametrize(
        ("data", "title"),
        [
            ({}, "taxi: fare from the Chicago Taxi trips"),
            ({"path": "in/a.csv", "label": ["fare", "tips"]}, "taxi: fare and tips from a.csv"),
        ],
    )
    def test_is_titled_by_model_and_data(self, run, folder, data, title):
        config = {**CONFIG, "name": "taxi", "data": {**CONFIG["data"], **data}}
        text = Tags(write_page(run(config=config), folder).read_text(encoding="utf-8")).text
        assert text.lstrip().startswith(f"{title}, a first run")
        assert text.count(title) == 2
        assert "a first run, 1970-01-01 00:00 UTC" in text

    def test_has_the_columns_that_are_left_out_and_why(self, run, folder):
        config = {**CONFIG, "data": {**CONFIG["data"], "left_out": {"row_id": "an id"}}}
        text = "".join(page(run(config=config), folder).text.split())
        assert "Columnsthatthemodeldoesnotread:row_idanid" in text
        assert "does not read" not in page(run(), folder).text

    def test_has_recall_and_precision_of_each_class_the_worst_first(self, run, folder, tmp_path):
        pairs = (
            [("ant", "ant")] * 6 + [("ant", "bee")] * 2 + [("bee", "ant")] * 3 + [("bee", "bee")]
        )
        finished = run()
        sample = [PredictedRow(label, {"prediction": predicted}, {}) for label, predicted in pairs]
        write_predictions(sample, tmp_path / "Trainer" / "predictions.jsonl")
        classes = {**CONFIG, "data": {**CONFIG["data"], "classes": ["ant", "bee", "cat"]}}
        text = write_page(replace(finished, config=classes), folder).read_text(encoding="utf-8")
        table = "".join(Tags(text).text.split()).partition("recallprecision")[2]
        assert "in a sample of 12 rows" in text
        # by hand: 1 of 4 bees, 6 of 8 ants, no cat
        assert table.startswith("bee40.250.3333ant80.750.6667cat0--")

    def test_has_the_threshold_and_what_it_was_chosen_for(self, run, folder, tmp_path):
        finished = run()
        assert "Threshold:" not in page(finished, folder).text
        Threshold(
            value=0.37,
            class_name="yes",
            aim="recall",
            at_least=0.9,
            rows=1200,
            precision=0.5,
            recall=0.91,
            f1=0.6454,
            balanced_accuracy=0.8,
        ).write(tmp_path / "Trainer" / "threshold.json")
        text = page(finished, folder).text
        assert "yes from a probability of 0.37 on, chosen for at least 0.9 recall" in text
        assert "on 1,200 validation rows: precision 0.5, recall 0.91" in text

    def test_has_the_columns_that_matter_most(self, run, folder, tmp_path):
        finished = run()
        columns = [ColumnImportance(f"c{n}", 0.5 - n / 100, 0.01) for n in range(23)]
        Importance(500, 5, 1.25, tuple(columns)).write(tmp_path / "Trainer" / "importance.json")
        text = "".join(page(finished, folder).text.split())
        assert "Howmuchthelossof500validationrows,1.25,grows" in text
        assert "columnincreasespreadc00.50.01c10.490.01" in text
        assert "And3columnsthatmatterless." in text

    def test_has_the_reasons_against_a_model(self, run, folder):
        text = page(run(report(reasons=["huber of all rows is 4, above 3"])), folder).text
        assert "not blessed" in text
        assert "huber of all rows is 4, above 3" in text

    def test_holds_every_figure_and_asks_for_nothing_from_elsewhere(self, run, folder):
        tags = page(run(), folder).found
        images = [attrs["src"] for tag, attrs in tags if tag == "img"]
        assert len(images) == 4
        assert all(image.startswith("data:image/png;base64,") for image in images)
        assert not [tag for tag, _ in tags if tag in ("script", "link", "iframe")]
        places = {f"#{attrs['id']}" for _, attrs in tags if "id" in attrs}
        assert {attrs["href"] for tag, attrs in tags if tag == "a"} <= places
        assert (folder / "report.html").stat().st_size < 2_000_000

    def test_has_code_data_and_config(self, run, folder):
        git = GitState(commit="4f3a9c2", dirty=True)
        text = page(run(metadata=RunMetadata(git=git, changes={"seed": 7})), folder).text
        assert "4f3a9c2, with changes that were not committed" in text
        assert "seed: 7" in text
        assert "1,234 MB" in text
        assert "statistics 101" in text
        assert "threshold: 1.0" in text
        assert "no anomalies" in text

    def test_of_a_failed_run_names_the_failed_node_and_the_missing_parts(self, run, folder):
        text = page(failed(run(), "Trainer", "the loss is not finite"), folder).text
        for part in (
            "There is no verdict: the Evaluator has not finished.",
            "Trainer failed: the loss is not finite",
            "No metrics",
            "No figures",
            "no anomalies",
        ):
            assert part in text

    def test_of_a_run_that_has_only_begun(self, folder):
        text = page(Run("run-1", "begun", 0.0, experiment="taxi"), folder).text
        assert "No node has started." in text
        assert "There are no statistics of the data." in text

    def test_names_from_the_data_are_text(self, run, folder):
        nasty = run(report(company=NASTY), column=NASTY)
        tags = page(replace(nasty, name=NASTY), folder)
        assert tags.text.count(NASTY) >= 4
        assert "script" not in dict(tags.found)

    def test_of_very_many_slices_refers_to_the_csv_file(self, run, folder):
        many = evaluation_reports.report(*(slice_row(company=n) for n in range(249)))
        text = page(run(many), folder).text
        assert "And 50 slices more, in slices.csv." in text
        assert "company=198" in text
        assert "company=199" not in text

    def test_of_very_many_columns_refers_to_the_page_of_statistics(self, run, folder, tmp_path):
        finished = run()
        path = tmp_path / "StatisticsGen" / "Split-train" / "FeatureStats.pb"
        found = pb.DatasetFeatureStatisticsList.FromString(path.read_bytes())
        (column,) = found.datasets[0].features
        for number in range(3000):
            found.datasets[0].features.add().CopyFrom(column)
            found.datasets[0].features[-1].name = f"column {number}"
        path.write_bytes(found.SerializeToString())
        text = page(finished, folder).text
        assert "their statistics are in statistics.html" in text
        assert "column 2999" not in text
        assert "column 2999" in (folder / "statistics.html").read_text(encoding="utf-8")


def test_a_process_that_delivers_loads_what_draws_only_with_the_first_file():
    heavy = ("tensorflow", "tfx", "matplotlib", "jinja2", "pandas")
    loaded = f"print([m for m in {heavy} if m in sys.modules])"
    code = f"import sys, huberflow.pipeline.tracking.mirror; {loaded}"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
