"""Beam's worker has huberflow's custom objects and the packages of a job."""

import subprocess
import zipfile

import pytest
from container_engine import docker, succeeds, wait_until

WHEEL = "my_objects-1.0-py3-none-any.whl"
JOB = f"""
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

def on_the_worker(_):
    import my_objects
    from huberflow.custom_objects.losses import HuberLoss
    return my_objects.ANSWER, HuberLoss(threshold=2.0).get_config()["threshold"]

options = PipelineOptions([
    "--runner=PortableRunner", "--job_endpoint=embed",
    "--environment_type=EXTERNAL", "--environment_config=localhost:50000",
    "--extra_package=/job/{WHEEL}",
])
with beam.Pipeline(options=options) as pipeline:
    found = pipeline | beam.Create([None]) | beam.Map(on_the_worker)
    assert_that(found, equal_to([(42, 2.0)]))
"""


@pytest.fixture
def pool(beam_worker):
    """A container with a worker that waits for a job."""
    container = docker("run", "--detach", beam_worker, "--worker_pool").strip()
    connect = "import socket; socket.create_connection(('localhost', 50000))"
    wait_until(lambda: succeeds("docker", "exec", container, "python", "-c", connect), "the pool")
    yield container
    docker("rm", "--force", container)


@pytest.fixture
def job(tmp_path):
    """A folder with a job and its package."""
    (tmp_path / "job.py").write_text(JOB)
    about = "my_objects-1.0.dist-info"
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        wheel.writestr("my_objects.py", "ANSWER = 42\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: my_objects\nVersion: 1.0")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true")
        wheel.writestr(f"{about}/RECORD", "")
    tmp_path.chmod(0o755)
    return tmp_path


def test_the_worker_has_the_objects_of_huberflow_and_of_the_job(pool, job):
    docker(
        *("run", "--rm", "--network", f"container:{pool}", "--volume", f"{job}:/job:ro"),
        *("--entrypoint", "python", "huberflow", "/job/job.py"),
    )
    assert f"Downloaded: /tmp/staged/{WHEEL}" in docker("logs", pool, stderr=subprocess.STDOUT)
