"""On a real Flink, with two workers: the same as in one process, and what comes of a death."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
import psutil
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from taxi_runs import EVALUATION, Runs

from benchmarks.flink.cluster import Cluster
from huberflow.pipeline.beam.beam_target import resolve_target
from huberflow.pipeline.config import Beam, Config
from huberflow.pipeline.history.workspace import Workspace

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


def test_this_process_finds_the_same_metrics_of_the_same_model_as_two_workers(flink: Runs) -> None:
    two_workers = flink.metrics()
    assert {key for _, key in two_workers} >= {"huber", "rmse", "tail_error", "coverage"}
    printed = flink.run(evaluation=judged_anew())
    assert "Trainer           cached" in printed
    assert "Evaluator         ran" in printed
    assert flink.metrics() == pytest.approx(two_workers, rel=1e-6)


def test_one_worker_finds_the_same_metrics_as_two(cluster: Cluster, flink: Runs) -> None:
    two_workers = flink.metrics()
    one = {"runner": "flink", "options": cluster.beam_options(workers=1)}
    printed = flink.run(beam=one, evaluation=judged_anew())
    assert "Trainer           cached" in printed
    assert "Evaluator         ran" in printed
    assert flink.metrics() == pytest.approx(two_workers, rel=1e-6)


def test_files_of_one_data_set_are_read_by_both_workers(on_flink: dict, tmp_path) -> None:
    """As TFX's nodes read them, which on Beam's own runner for Flink is by one worker."""
    for number in range(8):
        with tf.io.TFRecordWriter(f"{tmp_path}/{number}.gz", "GZIP") as file:
            file.write(b"row")
    config = Config(workspace=tmp_path / "workspace", beam=Beam(**on_flink))
    with beam.Pipeline(
        argv=list(resolve_target(config, None, Workspace(config.workspace)).arguments)
    ) as pipeline:
        rows = pipeline | beam.io.ReadFromTFRecord(f"{tmp_path}/*.gz")
        readers = rows | beam.Map(lambda row: f"{row} by {__import__('os').getpid()}")
        readers | beam.io.WriteToText(f"{tmp_path}/readers")
    read = Counter(
        line for file in tmp_path.glob("readers*") for line in file.read_text().splitlines()
    )
    assert sorted(read.values()) == [4, 4]


def test_a_module_that_workers_lack_is_named_before_anything_runs(on_flink, tmp_path) -> None:
    """Within a minute, by workers that leave what was staged for them."""
    worker = tmp_path / "worker"
    worker.write_text(INSTALLS_NOTHING)
    worker.chmod(0o700)
    options = {**on_flink["options"], "environment_config": {"command": str(worker)}}
    (tmp_path / "runs").mkdir()
    runs, begun = Runs(tmp_path / "runs" / "workspace"), time.monotonic()
    run = runs.start(beam={**on_flink, "options": options})
    printed, _ = run.communicate()
    assert run.returncode == 1, printed
    assert "huberflow: my_objects: expected a module that works on the worker" in printed
    assert "No module named 'my_objects'" in printed
    assert "ExampleGen" not in printed
    others = max(1.0, os.getloadavg()[0] / os.cpu_count())  # take their part of this machine
    assert time.monotonic() - begun < 60 * others


INSTALLS_NOTHING = f"""#!{sys.executable}
from huberflow.pipeline.beam import worker

worker.unpack = lambda staged, packages: None
worker.main()
"""


def test_workers_that_die_at_every_try_end_the_run_and_publish_nothing(
    cluster: Cluster, on_flink: dict, flink: Runs
) -> None:
    before = flink.published()
    run = flink.start(beam=on_flink, evaluation=judged_anew())
    for _, worker in new_workers(run, cluster):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended with its job
            worker.kill()
    printed, _ = run.communicate()
    assert run.returncode == 1, printed
    assert "Evaluator         failed" in printed
    assert flink.published() == before


def test_a_run_survives_the_death_of_a_task_manager(
    cluster: Cluster, on_flink: dict, flink: Runs
) -> None:
    before = flink.metrics()
    run = flink.start(beam=on_flink, evaluation=judged_anew())
    task_manager, worker = next(new_workers(run, cluster))
    task_manager.kill()
    printed, _ = run.communicate()
    assert run.returncode == 0, printed
    assert "Evaluator         ran" in printed
    assert flink.metrics() == pytest.approx(before, rel=1e-6)
    worker.wait(timeout=60)  # nobody is left to end it


LOOSE = itertools.count(10)


def judged_anew() -> dict:
    """Another gate each time: else all is cached."""
    return {**EVALUATION, "gate": [{"metric": "huber", "upper_bound": next(LOOSE)}]}


def new_workers(run, cluster: Cluster) -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """A run's workers from the Evaluator on, each after its task manager."""
    assert any("Trainer" in line for line in run.stdout)
    known = workers(cluster)
    while run.poll() is None:
        new = workers(cluster) - known
        yield from new
        known |= new
        time.sleep(0.1)


def workers(cluster: Cluster) -> set[tuple[psutil.Process, psutil.Process]]:
    alive = [psutil.Process(each.pid) for each in cluster.task_managers if each.poll() is None]
    return {(each, worker) for each in alive for worker in each.children()}
