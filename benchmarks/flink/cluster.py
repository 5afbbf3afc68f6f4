"""A Flink cluster on this machine: a job manager, task managers, and Beam's job server."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from benchmarks.flink import jars
from benchmarks.http_servers import free_port

PATIENCE = 120

# Packages that Java 17 hides and Flink uses, as in Flink's own conf/config.yaml.
_PACKAGES = ("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent")
_OPEN = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _PACKAGES]

_ADDRESSES = (
    *("jobmanager.rpc.address", "jobmanager.bind-host", "rest.address", "rest.bind-address"),
    *("taskmanager.host", "taskmanager.bind-host"),
)
_MEMORY = {
    "taskmanager.memory.framework.heap.size": "64m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "256m",
    "taskmanager.memory.network.max": "256m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
}
_JVM = [
    "-Xmx640m",
    "-XX:MaxDirectMemorySize=512m",
    # In so short a process, the second compiler would take a third of the time.
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    *_OPEN,
]

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


class Cluster:
    """A cluster that runs inside a ``with`` block.

    Args:
      folder: a new folder for the cluster's files.
      size: the number of task managers, of one slot each.
      retries: how often Flink retries a job.

    Attributes:
      task_managers: their processes.

    Raises:
      MissingError: Java or Flink is missing.
    """

    def __init__(self, folder: Path, size: int, retries: int = 0) -> None:
        program = jars.program("java", "default-jre-headless")
        self._java = [program, *_JVM, "-cp", str(jars.jar())]
        self._folder, self._size = folder, size
        self.task_managers: list[subprocess.Popen] = []
        self._configured = ["--configDir", str(folder)]
        self._processes = ExitStack()
        rpc, self._rest, jobs = (free_port() for _ in range(3))
        self._job_endpoint = f"127.0.0.1:{jobs}"
        self._config = {
            **dict.fromkeys(_ADDRESSES, "127.0.0.1"),
            "jobmanager.rpc.port": rpc,
            "rest.port": self._rest,
            "taskmanager.numberOfTaskSlots": 1,
            "taskmanager.cpu.cores": 1.0,
            # A dead task manager is detected after two beats; an earlier retry may use it again.
            "heartbeat.interval": 2000,
            # With the default, by regions, each task of a dead task manager counts as a retry.
            "jobmanager.execution.failover-strategy": "full",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": retries,
            "restart-strategy.fixed-delay.delay": "4 s",
            "io.tmp.dirs": str(folder),
            # With Beam's classes in Flink's class path, a worker outlives its stage.
            "classloader.resolve-order": "parent-first",
            **_MEMORY,
        }

    def __enter__(self) -> "Cluster":
        self._folder.mkdir()
        (self._folder / "config.yaml").write_text(yaml.safe_dump(self._config))
        with self._processes:
            self._start("job-manager", _JOB_MANAGER, *self._configured)
            for number in range(1, self._size + 1):
                name = f"task-manager-{number}"
                self.task_managers.append(self._start(name, _TASK_MANAGER, *self._configured))
            self._wait_until(lambda: self._ask("overview")["slots-total"] == self._size)
            master, port = f"127.0.0.1:{self._rest}", self._job_endpoint.rpartition(":")[2]
            where = ["--flink-master", master, "--artifacts-dir", str(self._folder / "staged")]
            ports = ["--job-port", port, "--artifact-port", "0", "--expansion-port", "0"]
            self._start("job-server", _JOB_SERVER, *where, *ports)
            self._wait_until(lambda: _listens(int(port)))
            self._processes = self._processes.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def beam_options(self, workers: int) -> dict[str, object]:
        """Beam's options for jobs whose workers are processes of this Python."""
        worker = Path(sys.executable).with_name("huberflow-worker")
        return {
            "job_endpoint": self._job_endpoint,
            "parallelism": workers,
            "environment_type": "PROCESS",
            "environment_config": {"command": str(worker)},
        }

    def _start(self, name: str, program: str, *arguments: str) -> subprocess.Popen:
        log = self._processes.enter_context((self._folder / f"{name}.log").open("w"))
        process = subprocess.Popen([*self._java, program, *arguments], stdout=log, stderr=log)
        self._processes.callback(process.wait)
        self._processes.callback(process.terminate)
        return process

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits; a server that does not listen yet may raise an OSError meanwhile."""
        end, cause = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except OSError as error:
                cause = error
            time.sleep(0.5)
        raise TimeoutError(f"Flink did not start in {PATIENCE} s; see {self._folder}") from cause

    def _ask(self, page: str) -> Any:
        address = f"http://127.0.0.1:{self._rest}/{page}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return json.load(answer)


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True
