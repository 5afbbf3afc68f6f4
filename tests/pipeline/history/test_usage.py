"""What is measured of a node while it runs."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from huberflow.pipeline.history import usage
from huberflow.pipeline.history.usage import ResourceUsage

HUNDRED_MB = "import sys; held = bytearray(100_000_000); print(flush=True); sys.stdin.read()"

BUSY = """
import sys, time
while time.process_time() < 0.4: pass
print(flush=True); sys.stdin.read()
"""
"""For 0.4 seconds of a processor, then waits."""

TICK = 2 / os.sysconf("SC_CLK_TCK")
"""The system reports times in ticks, those of the user and its own: each may lack almost one."""


@pytest.fixture(autouse=True)
def _gpus_are_looked_for_anew():
    usage._gpu_handles.cache_clear()
    yield
    usage._gpu_handles.cache_clear()


def child(*, own_session: bool, code: str = HUNDRED_MB) -> subprocess.Popen:
    """A process that has done its work, and is there until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=own_session,
    )
    process.stdout.readline()
    return process


def peak_during(work) -> float:
    measured = ResourceUsage()
    measured.start()
    work()
    return measured.stop()["peak_memory_mb"]


def hold_100_mb() -> None:
    held = bytearray(100_000_000)
    time.sleep(0.6)
    del held


class TestMemory:
    def test_is_the_peak_not_the_end(self):
        before = peak_during(lambda: None)
        assert peak_during(hold_100_mb) > before + 80

    def test_of_one_node_is_not_that_of_the_next(self):
        measured = ResourceUsage()
        measured.start()
        hold_100_mb()
        first = measured.stop()["peak_memory_mb"]
        measured.start()
        assert measured.stop()["peak_memory_mb"] < first - 50

    @pytest.mark.parametrize("own_session", [False, True])
    def test_is_that_of_workers_too_but_not_of_the_delivery_process(self, own_session):
        """The latter has its own session, see ``huberflow.pipeline.tracking.delivery_process``."""
        before = peak_during(lambda: None)
        with child(own_session=own_session) as process:
            during = peak_during(lambda: None)
            process.stdin.close()
        assert (during > before + 65) is not own_session


class TestProcessors:
    def cpu_seconds_of(self, work) -> float:
        measured = ResourceUsage()
        measured.start()
        work()
        return measured.stop()["cpu_seconds"]

    def test_count_time_of_work_not_of_waiting(self):
        def work_and_wait() -> None:
            until = time.process_time() + 0.3
            while time.process_time() < until:
                pass
            time.sleep(1)

        assert 0.3 - TICK <= self.cpu_seconds_of(work_and_wait) < 1

    def test_of_workers_count_whether_they_have_ended_or_not(self):
        def ended() -> None:
            with child(own_session=False, code=BUSY) as worker:
                worker.stdin.close()

        workers = []
        try:
            running = self.cpu_seconds_of(
                lambda: workers.append(child(own_session=False, code=BUSY))
            )
        finally:
            for worker in workers:
                worker.communicate()
        assert running >= 0.4 - TICK
        assert self.cpu_seconds_of(ended) >= 0.4 - TICK

    def test_of_a_worker_before_the_node_do_not_count(self):
        with child(own_session=False, code=BUSY) as worker:
            before = self.cpu_seconds_of(lambda: None)
            ends = self.cpu_seconds_of(worker.communicate)
        assert max(before, ends) < 0.3


def test_stopped_twice_or_never_started_it_measures_nothing():
    measured = ResourceUsage()
    assert measured.stop() == {}
    measured.start()
    measured.stop()
    assert measured.stop() == {}


class Nvml:
    """Stands in for NVIDIA's library, which needs a GPU: two of them, the second busier.

    It cannot show that the real one answers so.
    """

    class NVMLError(Exception):
        pass

    def nvmlInit(self):  # noqa: N802
        pass

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, number):  # noqa: N802
        return number

    def nvmlDeviceGetMemoryInfo(self, device):  # noqa: N802
        return SimpleNamespace(used=(device + 1) * 500_000_000)

    def nvmlDeviceGetUtilizationRates(self, device):  # noqa: N802
        return SimpleNamespace(gpu=10 * (device + 1))


class TestGpus:
    def measured(self) -> dict[str, float]:
        measured = ResourceUsage()
        measured.start()
        return {name: value for name, value in measured.stop().items() if "gpu" in name}

    def test_each_by_its_number(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pynvml", Nvml())
        assert self.measured() == {
            "gpu0_peak_memory_mb": 500.0,
            "gpu0_peak_utilization_percent": 10.0,
            "gpu1_peak_memory_mb": 1000.0,
            "gpu1_peak_utilization_percent": 20.0,
        }

    @pytest.mark.parametrize(
        ("fails", "measured"),
        [
            ("nvmlInit", {}),
            (
                "nvmlDeviceGetUtilizationRates",
                {"gpu0_peak_memory_mb": 500.0, "gpu1_peak_memory_mb": 1000.0},
            ),
        ],
        ids=["no driver", "no report of the load"],
    )
    def test_as_far_as_nvidias_library_answers(self, monkeypatch, fails, measured):
        nvml = Nvml()
        monkeypatch.setattr(nvml, fails, Mock(side_effect=Nvml.NVMLError))
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        assert self.measured() == measured

    def test_are_none_without_nvidias_library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pynvml", None)
        assert self.measured() == {}
