"""What concerns the whole process: one lock for all loaders in it, and no fork."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from .errors import ReloadError
from .keras_2 import keras_2


def process_lock(name: str = "_reload_lock") -> threading.RLock:
    """One lock for all loaders in the process: each bundle brings one."""
    lock: threading.RLock = vars(keras_2()).setdefault(name, threading.RLock())
    return lock


def _has_started() -> bool:
    """Whether TensorFlow has started its threads, here or where this process was forked from."""
    eager = sys.modules.get("tensorflow.python.eager.context")
    context = eager.context_safe() if eager else None
    return getattr(context, "_context_handle", None) is not None


def _has_lost_threads() -> bool:
    """Whether this process was forked after that, and before it imported this file."""
    tasks = Path("/proc/self/task")
    threads = len(list(tasks.iterdir())) if tasks.exists() else sys.maxsize
    return _has_started() and threads <= threading.active_count()


_forked = _has_lost_threads()


def _note_fork() -> None:
    global _forked
    _forked = _forked or _has_started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def refuse_graphs() -> None:
    """Refuses to work in a graph, where a model has no numbers."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise ReloadError(
            "expected eager execution, received a graph: call it outside of tf.function and "
            "tf.Graph, and without tf.compat.v1.disable_v2_behavior()"
        )


def refuse_fork() -> None:
    """Refuses a process that was forked after TensorFlow had started, where it waits for ever."""
    if _forked:
        raise ReloadError(
            "this process was forked from one in which TensorFlow had started, and would hang: "
            "load the model after the fork and use no TensorFlow before it, or start workers by "
            'multiprocessing.get_context("spawn")'
        )
