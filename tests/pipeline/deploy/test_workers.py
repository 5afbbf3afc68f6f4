"""Several processes serve as one, with all that guards a server; a real one, started as in docs."""

import json
import os
import re
import secrets
import shlex
import signal
import ssl
import subprocess
import time
from http.client import HTTPSConnection
from pathlib import Path

import psutil
import pytest
from mlflow_servers import free_port
from prometheus_client.parser import text_string_to_metric_families
from served import announced, started

PAGE = Path(__file__).parents[3] / "docs" / "serving.md"
TOKEN = secrets.token_hex(16)
BODY = json.dumps({"inputs": [{"miles": 1.5}]})


@pytest.fixture(scope="module")
def server(bundle, tmp_path_factory):
    """The process, its port, and a function that asks it."""
    folder, port = tmp_path_factory.mktemp("workers"), free_port()
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *name], cwd=folder, check=True, capture_output=True)
    (folder / "token").write_text(f"{TOKEN}\n")
    [line] = re.findall(r"^huberflow serve (.*--workers.*)$", PAGE.read_text(), re.M)
    options = [
        str(folder / word) if (folder / word).exists() else word
        for word in shlex.split(line.replace("0.0.0.0", "127.0.0.1"))  # noqa: S104
    ]
    context = ssl.create_default_context(cafile=folder / "cert.pem")

    def ask(page, body=None, token=TOKEN):
        client = HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        client.request("POST" if body else "GET", page, body, headers)
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
        return answer.status, text

    with started(bundle, port, folder / "log", *options) as process:
        lines = announced(process, folder / "log")
        yield process, port, ask, lines, folder / "log"


def workers(process):
    return [child for child in psutil.Process(process.pid).children() if is_worker(child)]


def is_worker(child):
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.Error:  # it has just ended
        return False


def test_answers_with_all_that_guards_it(server):
    process, port, ask, lines, _ = server
    assert lines[0].startswith(f"serving: https://127.0.0.1:{port} ")
    assert len(workers(process)) == 2
    assert ask("/ready")[0] == 200
    assert ask("/invocations", BODY)[0] == 200
    assert ask("/invocations", BODY, token="other")[0] == 401


def test_the_command_to_try_it_works(server):
    command = server[3][1].removeprefix("try:")
    done = subprocess.run(command, shell=True, capture_output=True, text=True)  # noqa: S602
    assert "predictions" in done.stdout, done.stderr


def test_the_metrics_are_those_of_all(server):
    ask = server[2]
    before = rows(ask)
    for _ in range(20):
        assert ask("/invocations", BODY)[0] == 200
    assert rows(ask) == before + 20


def rows(ask):
    families = text_string_to_metric_families(ask("/metrics")[1])
    values = {each.name: each.value for family in families for each in family.samples}
    return values.get("huberflow_rows_total", 0)


def test_one_that_dies_is_replaced_and_nobody_is_refused(server):
    process, _, ask, _, log = server
    first, other = workers(process)
    first.kill()
    end = time.monotonic() + 120
    while len({*workers(process)} - {first, other}) == 0:
        assert ask("/invocations", BODY)[0] == 200
        assert time.monotonic() < end
    assert f"replaces worker {first.pid}" in log.read_text()


def test_all_end_within_the_grace_while_a_body_does_not_arrive(server):
    process, port, ask, _, log = server
    assert ask("/health")[0] == 200
    children = workers(process)
    slow = HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())  # noqa: S323
    slow.putrequest("POST", "/invocations")
    headers = {"Content-Length": 100, "Content-Type": "application/json"}
    for name, value in {**headers, "Authorization": f"Bearer {TOKEN}"}.items():
        slow.putheader(name, value)
    slow.endheaders(b"{")
    start = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert time.monotonic() - start < 10
    assert not any(child.is_running() for child in children)
    assert "Traceback" not in log.read_text()
