"""Where the rows of a config are processed, and the options that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.beam import beam_target, preflight
from huberflow.pipeline.config import Beam, Config
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import load


def chosen(*settings: str, **config) -> beam_target.BeamTarget:
    return target_of(load(None, list(settings)).model_copy(update=config))


def target_of(config: Config) -> beam_target.BeamTarget:
    return beam_target.resolve_target(config, None, Workspace.at(config.workspace))


class TestLocal:
    def test_few_rows_stay_in_this_process(self):
        found = chosen()
        assert "--direct_running_mode=in_memory" in found.arguments
        assert not found.has_workers
        assert found.description == "local, 1.8 MB of rows in this process"

    @pytest.mark.parametrize(
        ("limit", "options", "count"),
        [
            (1_000_000, "{}", os.cpu_count()),
            (500_000_000, "{direct_running_mode: multi_processing, direct_num_workers: 3}", 3),
        ],
        ids=["many rows", "asked for"],
    )
    def test_several_processes(self, monkeypatch, tmp_path, limit, options, count):
        monkeypatch.setattr(beam_target, "MANY_BYTES", limit)
        found = chosen(f"workspace={tmp_path}", f"beam.options={options}")
        assert "--direct_running_mode=multi_processing" in found.arguments
        assert f"--direct_num_workers={count}" in found.arguments
        assert found.has_workers
        assert found.description == f"local, 1.8 MB of rows in {count} worker processes"

    def test_processes_import_the_unpacked_wheel(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PYTHONPATH", "/before")
        several = "beam.options.direct_running_mode=multi_processing"
        found = chosen(several, f"workspace={tmp_path}")
        with found.worker_imports():
            folder, before = os.environ["PYTHONPATH"].split(os.pathsep)
        assert (Path(folder) / "huberflow" / "components" / "beam" / "worker_probe.py").exists()
        assert before == os.environ["PYTHONPATH"] == "/before"


class TestCluster:
    @pytest.mark.parametrize(
        ("runner", "beams_name"),
        [
            ("flink", "huberflow.pipeline.beam.portable_runners.FlinkRunner"),
            ("spark", "huberflow.pipeline.beam.portable_runners.SparkRunner"),
            ("dataflow", "DataflowRunner"),
        ],
    )
    def test_has_beams_name_and_the_wheel(self, tmp_path, runner, beams_name):
        first, *_, package = chosen(f"beam.runner={runner}", f"workspace={tmp_path}").arguments
        assert first == f"--runner={beams_name}"
        assert package.startswith(f"--extra_package={tmp_path}/objects/huberflow_workers-")

    def test_options_are_passed_as_beam_parses_them(self, tmp_path):
        options = {
            "flink_master": "10.0.0.7:8081",
            "parallelism": 8,
            "flink_submit_uber_jar": True,
            "experiments": ["one", "two"],
            "environment_config": {"command": "/opt/worker"},
        }
        beam = Beam(runner="flink", options=options)
        _, _, *options, _ = chosen(workspace=tmp_path, beam=beam).arguments
        assert options == [
            "--environment_cache_millis=10000",
            "--flink_master=10.0.0.7:8081",
            "--parallelism=8",
            "--flink_submit_uber_jar",
            "--experiments=one",
            "--experiments=two",
            '--environment_config={"command": "/opt/worker"}',
        ]


class TestJobGraph:
    """The job graph for a cluster, which is not submitted."""

    SPARK = Beam(
        runner="spark",
        options={
            "spark_master_url": "spark://10.0.0.7:7077",
            "environment_type": "DOCKER",
            "environment_config": "registry.example/huberflow:1",
        },
    )
    DATAFLOW = Beam(
        runner="dataflow",
        options={
            "project": "fares",
            "region": "europe-west1",
            "temp_location": "gs://fares/tmp",
            "staging_location": "gs://fares/staging",
            "sdk_container_image": "registry.example/huberflow:1",
            "dry_run": "true",
        },
    )

    def pipeline(self, tmp_path, beam_config: Beam) -> beam.Pipeline:
        beam_target.check_options(beam_config)
        config = Config(workspace=tmp_path, beam=beam_config)
        pipeline = beam.Pipeline(argv=list(target_of(config).arguments))
        preflight.add_job(pipeline, config, None)
        return pipeline

    @pytest.mark.parametrize("beam_config", [SPARK, DATAFLOW], ids=["spark", "dataflow"])
    def test_runs_in_the_image_and_stages_the_wheel(self, tmp_path, beam_config):
        pipeline = self.pipeline(tmp_path, beam_config)
        default = pipeline.runner.default_environment(pipeline.options)
        graph = pipeline.to_runner_api(default_environment=default)
        (environment,) = graph.components.environments.values()
        staged = b" ".join(each.role_payload for each in environment.dependencies)
        assert b"huberflow_workers-" in staged
        assert b"pickled_main_session" not in staged
        assert "beam:env:docker" in environment.urn

    @pytest.mark.parametrize("name", ["flink", "spark"])
    def test_distributes_the_source_before_it_is_read(self, tmp_path, name):
        """In place of a splittable DoFn, which Flink and Spark run on one worker."""
        config = Config(workspace=tmp_path, beam=Beam(runner=name, options={"parallelism": 2}))
        pipeline = beam.Pipeline(argv=list(target_of(config).arguments))
        pipeline | beam.io.ReadFromTFRecord(f"{tmp_path}/*.gz", validate=False)
        assert "beam:transform:reshuffle:v1" in urns(pipeline)
        assert splittable(pipeline) == []

    def test_of_beams_own_runner_has_a_splittable_dofn(self, tmp_path):
        pipeline = beam.Pipeline(argv=["--runner=FlinkRunner"])
        pipeline | beam.io.ReadFromTFRecord(f"{tmp_path}/*.gz", validate=False)
        assert len(splittable(pipeline)) == 1

    def test_is_accepted_by_dataflow(self, tmp_path):
        assert self.pipeline(tmp_path, self.DATAFLOW).run() is not None


def urns(pipeline: beam.Pipeline) -> set[str]:
    return {each.spec.urn for each in pipeline.to_runner_api().components.transforms.values()}


def splittable(pipeline: beam.Pipeline) -> list[str]:
    """The splittable DoFns of a job graph."""
    return [
        name
        for name, each in pipeline.to_runner_api().components.transforms.items()
        if each.spec.urn == common_urns.primitives.PAR_DO.urn
        and beam_runner_api_pb2.ParDoPayload.FromString(each.spec.payload).restriction_coder_id
    ]


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "key", "received", "remedy"),
        [
            (
                ["beam.runner=flink", "beam.options.paralelism=2"],
                "beam.options",
                "paralelism",
                "did you mean parallelism?",
            ),
            (["beam.options.colour=red"], "beam.options", "colour", None),
            (
                ["beam.runner=flink", "beam.options.parallelism=many"],
                "beam.options.parallelism",
                "'many'",
                "invalid int value: 'many'",
            ),
            (
                ["beam.runner=dataflow", "beam.options={project: fares, region: europe-west1}"],
                "beam.options.temp_location",
                "none",
                "--set beam.options.temp_location=...",
            ),
            (
                ["beam.runner=spark", "beam.options.environment_type=PROCESS"],
                "beam.options",
                "environment_type",
                "Option process_command is required for environment type PROCESS.",
            ),
        ],
        ids=["misspelt", "unknown", "not a number", "missing", "not together"],
    )
    def test_an_option_that_beam_would_not_take(self, settings, key, received, remedy):
        with pytest.raises(InputError) as caught:
            beam_target.check_options(load(None, settings).beam)
        error = caught.value
        assert (error.key, error.received, error.write or error.hint) == (key, received, remedy)

    def test_false_which_no_option_of_beam_takes(self):
        with pytest.raises(InputError, match="write its opposite, such as no_use_public_ips"):
            load(None, ["beam.options.use_public_ips=false"])

    def test_neither_the_defaults_nor_what_only_the_job_server_knows(self):
        beam_target.check_options(Config().beam)
        beam_target.check_options(Beam(runner="flink", options={"number_of_execution_retries": 3}))


class TestGuide:
    @pytest.mark.parametrize("runner", ["flink", "spark", "dataflow"])
    def test_shows_configs_that_are_accepted(self, runner, tmp_path):
        guide = (Path(__file__).parents[3] / "docs" / "scale.md").read_text()
        (tmp_path / "my.yaml").write_text(guide.split(f"# {runner}.yaml\n")[1].split("```")[0])
        found = load(tmp_path / "my.yaml").beam
        assert found.runner == runner
        beam_target.check_options(found)
