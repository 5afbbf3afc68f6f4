"""Measures what a node uses while it runs: processors, memory and GPUs."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import psutil

MEGABYTE = 1e6
_INTERVAL = 0.25
"""Seconds."""


class ResourceUsage:
    """Samples four times a second, in a thread; a shorter peak may be missed."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._peaks: dict[str, float] = {}
        self._cpu = 0.0

    def start(self) -> None:
        """Starts a new measurement."""
        self._peaks = {}
        self._cpu = _cpu_seconds()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(self._stopped,), daemon=True)
        self._thread.start()

    def stop(self) -> Mapping[str, float]:
        """The usage since ``start``: ``cpu_seconds``, ``peak_memory_mb`` and peaks of each GPU."""
        if self._thread is None:
            return {}
        self._stopped.set()
        self._thread.join()
        self._thread = None
        self._sample()
        return {"cpu_seconds": _cpu_seconds() - self._cpu, **self._peaks}

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(_INTERVAL):
            self._sample()

    def _sample(self) -> None:
        for name, value in {"peak_memory_mb": _memory(), **_gpus()}.items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), value)


def _memory() -> float:
    """The resident memory of this process and its child processes, in megabytes."""
    own = psutil.Process().memory_info().rss
    return (own + _sum_of_children(lambda child: child.memory_info().rss)) / MEGABYTE


def _cpu_seconds() -> float:
    """The processor time of this process and its child processes, running or ended."""
    own = sum(os.times()[:_PROCESSOR_TIMES])
    return own + _sum_of_children(lambda child: sum(child.cpu_times()[:_PROCESSOR_TIMES]))


_PROCESSOR_TIMES = 4
"""The first times that the system reports: user, system, and both of ended children."""


def _sum_of_children(value: Callable[[psutil.Process], float]) -> float:
    """The sum over this process's children.

    The process that delivers to the tracking server is not counted; it has its own session.
    """
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if os.getsid(child.pid) == os.getsid(0):
                total += value(child)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return total


def _gpus() -> dict[str, float]:
    """The memory and the load of each GPU, through NVIDIA's library."""
    measured = {}
    for number, gpu in enumerate(_gpu_handles()):
        import pynvml

        with suppress(pynvml.NVMLError):
            used = pynvml.nvmlDeviceGetMemoryInfo(gpu).used
            measured[f"gpu{number}_peak_memory_mb"] = used / MEGABYTE
        with suppress(pynvml.NVMLError):  # a GPU that is divided (MIG) does not report its load
            load = pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu
            measured[f"gpu{number}_peak_utilization_percent"] = float(load)
    return measured


@cache
def _gpu_handles() -> list[Any]:
    """The GPUs; none without NVIDIA's library, its driver or a GPU."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
    except pynvml.NVMLError:
        return []
