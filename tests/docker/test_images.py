"""The images: for any user, on a read-only disk; the server's is measurable and quick to end."""

import json
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import earlier_bundle
import pytest
from container_engine import docker, wait_until
from mlflow_servers import free_port
from prometheus_client.parser import text_string_to_metric_families
from served import ask, connection, predictions

from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.scorer import Scorer

NOBODYS = 1234
"""A user id that no image knows, as OpenShift chooses them."""

GIGABYTES = {"huberflow-serving": 2.5, "huberflow": 3.6}
"""At most; docs/containers.md has the sizes."""

KILLED = 128 + signal.SIGKILL
"""The exit code of a container that has not ended in time."""

LOCKED_UP = (
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
    f"--user={NOBODYS}",
)


@contextmanager
def served(bundle: Path) -> Iterator[tuple[str, int]]:
    """A container that serves a model, healthy by its image's own check; and its port."""
    port = free_port()
    where = (f"--publish=127.0.0.1:{port}:8080", f"--volume={bundle}:/model:ro")
    container = docker("run", "--detach", *LOCKED_UP, *where, "huberflow-serving").strip()
    try:
        wait_until(lambda: state(container)["Health"]["Status"] == "healthy", "the server")
        yield container, port
    finally:
        docker("rm", "--force", container)


def state(container: str) -> dict:
    return json.loads(docker("inspect", "--format", "{{json .State}}", container))


@pytest.fixture(scope="module")
def server(bundle):
    with served(bundle) as server:
        yield server


def refused(bundle: Path) -> str:
    """The last line of a server that does not start."""
    done = subprocess.run(
        ["docker", "run", "--rm", *LOCKED_UP, f"--volume={bundle}:/model:ro", "huberflow-serving"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr.splitlines()[-1]


def test_a_user_without_a_name_is_served(server, bundle):
    container, port = server
    assert docker("exec", container, "id", "--user").strip() == str(NOBODYS)
    assert "cannot find name" in docker(
        "exec", container, "sh", "-c", "id --user --name 2>&1 || true"
    )
    docker("exec", container, "ls", ".")  # it may read where it works
    rows = Scorer(bundle).golden_rows().to_dict("split", index=False)
    status, answer = ask(connection(port), "/invocations", dataframe_split=rows)
    assert status == 200, answer
    golden = reload.golden(bundle).values["answers/columns/prediction"]
    assert predictions(answer) == golden.tolist()


def test_prometheus_can_scrape_it(server, bundle):
    _, port = server
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        client.request("GET", "/metrics")
        page = client.getresponse().read().decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    [model] = families["huberflow_model_info"].samples
    assert model.labels["certificate"] == Scorer(bundle).certificate
    assert "huberflow_requests" in families


def test_sigterm_ends_it_within_ten_seconds_of_a_client_that_goes_on(bundle):
    with served(bundle) as (container, port), socket.create_connection(("127.0.0.1", port)) as slow:
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        slow.sendall(f"{head}Content-Length: 100\r\n\r\nmiles\n".encode())
        docker("stop", "--time=10", container)
        assert state(container)["ExitCode"] != KILLED


def test_a_bundle_of_another_version_is_refused_in_words(images, tmp_path):
    message = refused(earlier_bundle.extracted(tmp_path))
    newest, received = reload.layout.SCHEMA_VERSION, earlier_bundle.SCHEMA_VERSION
    assert f"schema_version: expected {newest}, received {received}" in message


def test_a_changed_model_is_not_served(images, bundle, tmp_path):
    changed = Path(shutil.copytree(bundle, tmp_path / "model"))
    with (changed / "variables" / "variables.index").open("ab") as file:
        file.write(b"more")
    assert refused(changed).startswith("huberflow: refused: variables/variables.index")


def test_a_user_without_a_name_runs_the_pipeline_in_a_new_volume(images, tmp_path):
    rows = "".join(f"{number % 50},{2 * number % 7}\n" for number in range(200))
    (tmp_path / "table.csv").write_text(f"x,y\n{rows}")
    tmp_path.chmod(0o755)
    volume = f"huberflow-{secrets.token_hex(4)}"
    where = (f"--volume={volume}:/work/workspace", f"--volume={tmp_path}:/data:ro")
    run = ("run", "--data=/data/table.csv", "--label=y", "--set=training.epochs=1")
    settings = ("--set=evaluation.must_beat_constant=false", "--set=tracking.enabled=false")
    try:
        printed = docker("run", "--rm", f"--user={NOBODYS}", *where, "huberflow", *run, *settings)
    finally:
        docker("volume", "rm", "--force", volume)
    assert "pushed        workspace/serving/table/1" in printed


@pytest.mark.parametrize("image", GIGABYTES)
def test_an_image_is_small_and_not_for_root(images, image):
    about = json.loads(docker("image", "inspect", image))[0]
    assert about["Size"] / 1e9 < GIGABYTES[image]
    assert about["Config"]["User"] == "1000"
