"""On a real Flink with two task managers: the same as in one process."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter

import psutil
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from taxi_runs import EVALUATION, Runs

pytestmark = pytest.mark.timeout(3600)  # every worker imports TensorFlow, for every job


def rows(runs: Runs, split: str) -> Counter:
    """Of the ExampleGen, in no order: the runner decides on it."""
    folder = runs.artifact("ExampleGen", "examples") / f"Split-{split}"
    files = tf.data.TFRecordDataset(list(map(str, folder.iterdir())), "GZIP")
    examples = map(tf.train.Example.FromString, files.as_numpy_iterator())
    return Counter(
        tuple(sorted((key, str(value)) for key, value in example.features.feature.items()))
        for example in examples
    )


@pytest.mark.parametrize("split", ["train", "validation", "eval"])
def test_same_rows(local: Runs, flink: Runs, split: str) -> None:
    assert rows(flink, split) == rows(local, split)


@pytest.mark.parametrize("split", ["train", "eval"])
def test_same_statistics(local: Runs, flink: Runs, split: str) -> None:
    here, there = (
        tfdv.load_stats_binary(
            str(runs.artifact("StatisticsGen", "statistics") / f"Split-{split}/FeatureStats.pb")
        ).datasets[0]
        for runs in (local, flink)
    )
    assert there.num_examples == here.num_examples
    found = {feature.path.step[0]: feature for feature in there.features}
    assert len(found) == len(here.features)
    for feature in here.features:
        assert_same(found[feature.path.step[0]], feature)


def assert_same(one: object, other: object) -> None:
    """Statistics of one column; sums are as exact as floats are in another order."""
    for field in ("num_stats", "string_stats"):
        if not other.HasField(field):
            continue
        mine, theirs = getattr(one, field), getattr(other, field)
        assert mine.common_stats == theirs.common_stats
        for name in ("mean", "std_dev", "min", "max", "median", "num_zeros", "unique"):
            if hasattr(theirs, name):
                assert getattr(mine, name) == pytest.approx(getattr(theirs, name), rel=1e-9)
        if field == "string_stats":
            assert mine.rank_histogram == theirs.rank_histogram


def test_same_vocabulary(local: Runs, flink: Runs) -> None:
    here, there = (
        runs.artifact("Transform", "transform_graph") / "transform_fn/assets/categories"
        for runs in (local, flink)
    )
    assert there.read_bytes() == here.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_same_metrics_of_the_same_model(local: Runs, on_flink: dict, workers: int) -> None:
    before = local.metrics()
    beam = {**on_flink, "options": {**on_flink["options"], "parallelism": workers}}
    gate = [{"metric": "huber", "upper_bound": 10.0 + workers}]  # else all of it is cached
    printed = local.run(beam=beam, evaluation={**EVALUATION, "gate": gate})
    assert "Evaluator         ran" in printed
    assert "Trainer           cached" in printed
    assert {key for _, key in before} >= {"huber", "rmse", "tail_error", "coverage"}
    assert local.metrics() == pytest.approx(before, rel=1e-6)


def test_a_worker_that_is_killed_ends_the_run_and_publishes_nothing(on_flink, tmp_path) -> None:
    runs = Runs(tmp_path / "workspace")
    run = runs.start(beam=on_flink)
    printed = until(run, "ExampleGen")
    kill_a_worker()
    printed += run.communicate()[0]
    assert run.returncode == 1, printed
    assert "StatisticsGen     failed" in printed
    assert runs.served() == []


def until(run, text: str) -> str:
    seen = ""
    for line in run.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


def kill_a_worker() -> None:
    """The next that a runner has started."""
    known = workers()
    while not (new := workers() - known):
        time.sleep(0.1)
    for worker in new:
        worker.send_signal(signal.SIGKILL)


def workers() -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(part.endswith("/huberflow-worker") for part in process.cmdline()):
                found.add(process)
    return found
