"""What a node uses while it runs: processors, memory, and GPUs where there are any."""

import os
import threading
from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from typing import Any

import psutil

MEGABYTE = 1e6
_EVERY = 0.25


class Usage:
    """Looks four times a second, in a thread; a peak between two looks goes unseen."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._peaks: dict[str, float] = {}
        self._cpu = 0.0

    def start(self) -> None:
        """Begins anew."""
        self._peaks = {}
        self._cpu = _cpu_seconds()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(self._stopped,), daemon=True)
        self._thread.start()

    def stop(self) -> Mapping[str, float]:
        """Since ``start``: ``cpu_seconds``, and peaks, ``peak_memory_mb`` and ``gpu…`` of each."""
        if self._thread is None:
            return {}
        self._stopped.set()
        self._thread.join()
        self._thread = None
        self._look()
        return {"cpu_seconds": _cpu_seconds() - self._cpu, **self._peaks}

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        for name, value in {"peak_memory_mb": _memory(), **_gpus()}.items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), value)


def _memory() -> float:
    """Resident memory of this process and those that it started, in megabytes."""
    own = psutil.Process().memory_info().rss
    return (own + _over_started(lambda process: process.memory_info().rss)) / MEGABYTE


def _cpu_seconds() -> float:
    """Of this process and those that it started, whether they still run or not."""
    own = sum(os.times()[:_OF_PROCESSORS])
    return own + _over_started(lambda process: sum(process.cpu_times()[:_OF_PROCESSORS]))


_OF_PROCESSORS = 4
"""The first of the times that the system tells: user, system, and both of ended children."""


def _over_started(value: Callable[[psutil.Process], float]) -> float:
    """The sum over the processes that this one started.

    The tracking follower is no part of the node: it is known by its session of its own.
    """
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if os.getsid(child.pid) == os.getsid(0):
                total += value(child)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return total


def _gpus() -> Mapping[str, float]:
    read = _gpu_reader()
    return read() if read else {}


@cache
def _gpu_reader() -> Callable[[], Mapping[str, float]] | None:
    """Reads all GPUs through NVIDIA's library; none without the library, its driver or a GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        devices = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
    except pynvml.NVMLError:
        return None
    values: Mapping[str, Callable[[Any], float]] = {
        "peak_memory_mb": lambda gpu: pynvml.nvmlDeviceGetMemoryInfo(gpu).used / MEGABYTE,
        "peak_utilization_percent": lambda gpu: pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    }

    def read() -> Mapping[str, float]:
        found = {}
        for (number, device), (name, ask) in product(enumerate(devices), values.items()):
            try:
                found[f"gpu{number}_{name}"] = float(ask(device))
            except pynvml.NVMLError:
                continue  # a GPU that is divided (MIG) does not tell its load
        return found

    return read
