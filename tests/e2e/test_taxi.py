"""The main job, on real data, through the real parts."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import users_packages
from taxi_workspace import NODES, Run, Workspace, wait_for

pytestmark = pytest.mark.e2e

DATA = NODES[:6]
LOOKED_UP = ("EarlierData", "Baseline")

ASK_THE_PUSHED_MODEL = """
import glob, sys
import numpy as np
import tensorflow as tf

assert "huberflow" not in sys.modules
model = tf.saved_model.load(sys.argv[1])
records = list(tf.data.TFRecordDataset(sorted(glob.glob(sys.argv[2])), "GZIP").as_numpy_iterator())
serialized = model.signatures["serving_default"](examples=tf.constant(records))["prediction"]

ask = model.signatures["columns"]
specs = ask.structured_input_signature[1]
examples = [tf.train.Example.FromString(record).features.feature for record in records]

def column(name, dtype):
    kind = {tf.string: "bytes_list"}.get(dtype)
    missing = b"" if dtype == tf.string else float("nan")
    found = []
    for example in examples:
        feature = example[name]
        values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
        found.append(values[0] if values else missing)
    return tf.constant(found, dtype)

columns = ask(**{name: column(name, spec.dtype) for name, spec in specs.items()})["prediction"]
labels = [example["fare"].float_list.value[0] for example in examples]
np.savez(sys.argv[3], labels=labels, serialized=serialized, columns=columns)
"""


@pytest.fixture(scope="session")
def answers(workspace: Workspace, first: Run, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the pushed model says of every eval row, asked where nothing of ours is installed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    examples = workspace.latest("ExampleGen", "examples") / "Split-eval" / "*.gz"
    subprocess.run(
        # -I: no PYTHONPATH, no current folder. The editable install is a .pth file, so -S and the
        # library folder alone.
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.append({np.__path__[0].rpartition('/')[0]!r})\n"
            + ASK_THE_PUSHED_MODEL,
            str(workspace.serving / "1"),
            str(examples),
            str(folder / "answers.npz"),
        ],
        check=True,
        cwd=folder,
    )
    return dict(np.load(folder / "answers.npz"))


def test_first_run_trains_evaluates_and_pushes(first: Run, workspace: Workspace) -> None:
    assert first.code == 0, first.output + first.errors
    assert list(first.states) == NODES
    assert set(first.states.values()) - {"resolved"} == {"ran"}
    assert "blessed       yes" in first.output
    assert (workspace.serving / "1" / "saved_model.pb").is_file()
    assert workspace.root.parent / first.pushed == workspace.serving / "1"


def test_first_run_beats_predicting_the_median(first: Run, answers: dict) -> None:
    error = np.abs(answers["labels"] - np.median(answers["labels"]))
    assert first.metric("mae") < 0.3 * error.mean()


def test_evaluator_and_numpy_agree_on_huber(answers: dict, first: Run) -> None:
    error = np.abs(answers["labels"].astype(np.float64) - answers["serialized"])
    huber = np.where(error < 1, error**2 / 2, error - 0.5).mean()
    overall = next(row for row in first.report["slices"] if not row["slice"])
    assert overall["candidate"]["huber"] == pytest.approx(huber, rel=1e-5)
    assert overall["candidate"]["example_count"] == len(error)


def test_evaluator_agrees_with_numpy_on_all_other_metrics(answers: dict, first: Run) -> None:
    labels, predictions = answers["labels"].astype(np.float64), answers["serialized"]
    error = np.abs(labels - predictions)
    found = next(row for row in first.report["slices"] if not row["slice"])["candidate"]
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-4)
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    assert found["calibration"] == pytest.approx(predictions.sum() / labels.sum(), rel=1e-4)
    assert found["median_error"] == pytest.approx(np.quantile(error, 0.5), rel=0.02)
    assert found["tail_error"] == pytest.approx(np.quantile(error, 0.95), rel=0.02)


def test_both_signatures_give_the_same_number(answers: dict) -> None:
    np.testing.assert_array_equal(answers["serialized"], answers["columns"])


def test_the_same_command_shows_the_result_again(first: Run, unchanged: Run) -> None:
    """No node runs, and none is looked up: no library is loaded for it."""
    assert unchanged.code == 0, unchanged.errors
    assert unchanged.id == first.id
    assert unchanged.states == {}
    assert "nothing has changed since" in unchanged.output
    assert unchanged.output.partition("\n\n")[2] == first.output.partition("\n\n")[2]


def test_second_run_reuses_every_node_and_says_so(again: Run, workspace: Workspace) -> None:
    assert again.code == 0, again.errors
    assert again.states == dict.fromkeys(NODES, "cached") | dict.fromkeys(LOOKED_UP, "resolved")
    assert all("as in run" in again.why(node) for node in NODES if node not in LOOKED_UP)
    assert workspace.versions()[0] == "1"


def test_another_threshold_runs_the_trainer_onward_only(other_threshold: Run) -> None:
    assert other_threshold.code == 0, other_threshold.errors
    ran = [node for node, state in other_threshold.states.items() if state == "ran"]
    assert ran == ["Trainer", "Evaluator", "ServingExport", "Pusher"]
    assert other_threshold.why("Trainer") == "config: training.loss.config.threshold: 1.0 -> 2.0"


def test_a_second_model_stands_beside_the_last_blessed_one(
    first: Run, other_threshold: Run, workspace: Workspace
) -> None:
    row = re.search(r"^huber +([\d.]+) +([\d.]+) +[+-][\d.]+%", other_threshold.output, re.M)
    assert float(row[2]) == first.metric("huber")
    assert workspace.root.parent / other_threshold.pushed == workspace.serving / "2"


def test_gate_that_is_not_met_pushes_nothing_and_says_why(other_threshold: Run, gated: Run) -> None:
    assert gated.code == 3, gated.errors
    assert re.search(
        r"^not blessed +huber of all rows is 0\.[5-9]\d*, above the upper bound 0\.5$",
        gated.output,
        re.M,
    )
    assert "pushed        nothing" in gated.output
    assert gated.versions == other_threshold.versions == ["1", "2"]


def test_changed_code_runs_what_depends_on_it_and_nothing_else(own_loss: Run) -> None:
    ran = [node for node, state in own_loss.states.items() if state == "ran"]
    assert ran == ["Trainer", "Evaluator", "ServingExport", "Pusher"]
    assert "custom_objects/losses.py" in own_loss.why("Trainer")
    assert "custom_objects/losses.py" in own_loss.why("Evaluator")


def test_killed_run_is_taken_up_again(after_killed: Run, workspace: Workspace) -> None:
    run = after_killed
    assert run.code in (0, 3), run.output + run.errors
    assert "closed Trainer of run" in run.output
    assert run.states | dict.fromkeys(DATA, "cached") | {"EarlierData": "resolved"} == run.states
    assert run.states["Trainer"] == "ran"
    assert run.why("Trainer").startswith("config: ")
    assert all(name.isdigit() for name in workspace.versions())


@pytest.fixture(scope="module")
def running(workspace: Workspace, other_threshold: Run) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun, and will train for long."""
    with workspace.start("training.epochs=30", "seed=8") as process:
        wait_for(process, "run 20")
        yield process
        process.kill()


def test_second_run_at_a_time_is_refused(
    running: subprocess.Popen[str], workspace: Workspace
) -> None:
    refused = workspace.run("seed=12")
    assert refused.code == 2
    assert "no other run is using" in refused.errors


def test_terminated_run_closes_its_books(
    running: subprocess.Popen[str], workspace: Workspace
) -> None:
    wait_for(running, "epoch 1/30")
    before = workspace.versions()
    running.send_signal(signal.SIGTERM)
    rest = running.stdout.read()
    assert running.wait() == 130
    assert "Trainer" in rest
    assert "interrupted" in rest
    assert workspace.versions() == before
    again = workspace.run("training.loss.config.threshold=2.0")
    assert "closed" not in again.output


def test_failing_node_is_named_with_its_cause_and_the_log(
    failing: Run, workspace: Workspace
) -> None:
    assert failing.code == 1
    assert "huberflow: Transform failed:" in failing.errors
    assert "no_such_column" in failing.errors
    log = workspace.root.parent / re.search(r"log: (\S+)", failing.errors)[1]
    assert "Traceback" in log.read_text()
    assert "Traceback" not in failing.errors + failing.output


def test_nothing_is_written_outside_the_workspace(first: Run, workspace: Workspace) -> None:
    beside = {path.name for path in workspace.root.parent.iterdir()}
    assert beside == {"workspace", *users_packages.NAMES}
    assert {path.name for path in workspace.root.iterdir()} == {
        ".lock",
        "artifacts",
        "journal",
        "logs",
        "metadata.sqlite",
        "mlflow",
        "serving",
        "version",
    }
