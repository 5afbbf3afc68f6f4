"""A real Flink on loopback: a job manager, two task managers, and Beam's job server."""

import json
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

PATIENCE = 120

# Where Flink lies beside what Java 17 hides from it, as in Flink's own conf/config.yaml.
_PACKAGES = ("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent")
_OPEN = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _PACKAGES]

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
_TASK_MANAGER = ["-Xmx640m", "-XX:MaxDirectMemorySize=512m"]


class Cluster:
    """Runs inside a ``with`` block.

    Args:
      java: the program.
      jars: folder of Flink's.
      job_server: Beam's jar.
      folder: new; for what the cluster writes.
    """

    def __init__(self, java: str, jars: Path, job_server: Path, folder: Path) -> None:
        self._java, self._jars, self._job_server, self._folder = java, jars, job_server, folder
        self._processes = ExitStack()
        rpc, self._rest, jobs = _free_ports(3)
        self.job_endpoint = f"127.0.0.1:{jobs}"
        self._config = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": rpc,
            "jobmanager.bind-host": "127.0.0.1",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self._rest,
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": 1,
            "taskmanager.cpu.cores": 1.0,
            "io.tmp.dirs": str(folder),
            # With Beam's classes in Flink itself, a worker outlives the stage that started it.
            "classloader.resolve-order": "parent-first",
            **_MEMORY,
        }

    def __enter__(self) -> "Cluster":
        self._folder.mkdir()
        (self._folder / "config.yaml").write_text(yaml.safe_dump(self._config))
        runtime = "org.apache.flink.runtime"
        with self._processes:
            self._flink("job-manager", f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint")
            for name in ("task-manager-1", "task-manager-2"):
                self._flink(name, f"{runtime}.taskexecutor.TaskManagerRunner", *_TASK_MANAGER)
            self._wait_for_slots(2)
            master, port = f"http://127.0.0.1:{self._rest}", self.job_endpoint.rpartition(":")[2]
            where = ["--flink-master", master, "--artifacts-dir", str(self._folder / "staged")]
            ports = ["--job-port", port, "--artifact-port", "0", "--expansion-port", "0"]
            self._start("job-server", "-jar", str(self._job_server), *where, *ports)
            _wait_for_port(int(port))
            self._processes = self._processes.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def _flink(self, name: str, program: str, *options: str) -> None:
        classes = ["-cp", f"{self._jars}/*:{self._job_server}", program]
        self._start(name, *options, *_OPEN, *classes, "--configDir", str(self._folder))

    def _start(self, name: str, *arguments: str) -> None:
        log = self._processes.enter_context((self._folder / f"{name}.log").open("w"))
        process = subprocess.Popen([self._java, *arguments], stdout=log, stderr=log)
        self._processes.callback(process.wait)
        self._processes.callback(process.terminate)

    def _wait_for_slots(self, slots: int) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self._ask("overview")["slots-total"] == slots:
                    return
            except OSError:
                pass  # not up yet
            time.sleep(0.5)
        raise TimeoutError(f"Flink has not come up in {PATIENCE} s; see {self._folder}")

    def _ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._rest}/{what}") as answer:
            return json.load(answer)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
