"""Works off tasks side by side, each worker a process of its own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Died:
    """The end of a worker that gave no outcome."""

    exit_code: int | None
    """Negative for a signal: -9 where memory ran out."""


@dataclass
class _Worker:
    process: Any
    pipe: Any


class Pool(Generic[Task, Outcome]):
    """Some workers, started at once; one that dies fails its task alone, and is replaced.

    Python's own pools end all their tasks with the first worker that dies, and leave workers
    behind when they are killed themselves. Here workers end with whoever started them, and heed
    SIGTERM alone: Ctrl-C reaches every process, and would end an unwinding one twice.

    Args:
      size: how many.
      prepared: entered by each worker before its first task, left after the last; as ``work``,
        something that can be imported by its name.
      work: of a task, its outcome.
    """

    def __init__(
        self,
        size: int,
        prepared: Callable[[], AbstractContextManager[Any]],
        work: Callable[[Task], Outcome],
    ) -> None:
        # Forked, a worker would have TensorFlow's locks without the threads that hold them.
        self._context = multiprocessing.get_context("spawn")
        self._prepared, self._work = prepared, work
        self._idle = [self._new() for _ in range(size)]
        self._busy: dict[Any, tuple[_Worker, Task]] = {}

    def run(
        self, tasks: Iterable[Task], begun: Callable[[Task], None]
    ) -> Iterator[tuple[Task, Outcome | Died]]:
        """Each task with its outcome, as they end.

        Args:
          tasks: in the order in which they begin.
          begun: told when one does.
        """
        waiting = deque(tasks)
        while waiting or self._busy:
            while waiting and self._idle:
                self._begin(waiting.popleft(), begun)
            for pipe in connection.wait(list(self._busy)):
                worker, task = self._busy.pop(pipe)
                try:
                    outcome = worker.pipe.recv()
                    self._idle.append(worker)
                except EOFError:
                    worker.process.join()
                    outcome = Died(worker.process.exitcode)
                    self._idle.append(self._new())
                yield task, outcome

    def close(self) -> None:
        """Ends the workers; those that are busy are interrupted, and waited for."""
        for worker, _ in self._busy.values():
            worker.process.terminate()
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.pipe.close()
            worker.process.join()

    def _begin(self, task: Task, begun: Callable[[Task], None]) -> None:
        worker = self._idle.pop()
        with contextlib.suppress(BrokenPipeError):  # it has died: so says the other end
            worker.pipe.send(task)
        self._busy[worker.pipe] = worker, task
        begun(task)

    def _new(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._prepared, self._work)
        process = self._context.Process(target=_worker, args=arguments, daemon=True)
        process.start()
        theirs.close()  # else it would never be at its end here
        return _Worker(process, ours)


def _worker(
    pipe: Any,
    prepared: Callable[[], AbstractContextManager[Any]],
    work: Callable[[Any], Any],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with prepared():
        while True:
            try:
                task = pipe.recv()
            except EOFError:
                return
            pipe.send(work(task))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 (for the type checker)
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
