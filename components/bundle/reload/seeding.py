"""Random numbers: the same in every process."""

from __future__ import annotations

import functools
import logging
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from .process import process_lock

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras

    _Function: TypeAlias = Callable[..., Any]

_SEED = 1


@contextmanager
def seeded(model: tf_keras.Model) -> Iterator[None]:
    """Makes a model draw the same random numbers in this block, in every process.

    What it runs is traced anew, as a graph, where each op has its seed by its place; and every
    generator starts from one state. After the block, the model has the functions that it had, which
    go on with the numbers that they would have drawn; so do all generators.
    """
    import tensorflow as tf
    from tensorflow.python.eager.polymorphic_function import function_context
    from tensorflow.python.framework import random_seed
    from tensorflow.python.ops import stateful_random_ops

    own = _own_generator()
    with process_lock(_LOCK), generators_unchanged(model), ExitStack() as block:
        for owner, name, value in (
            (random_seed, "get_seed", _in_this_thread(_seeds_by_place(), random_seed.get_seed)),
            (function_context, _CONTEXT, _context_of_block(function_context, own)),
            (stateful_random_ops, "global_generator", own),
            *((model, function, None) for function in _FUNCTIONS),
        ):
            block.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        tf.get_logger().addFilter(_is_no_advice)
        block.callback(tf.get_logger().removeFilter, _is_no_advice)
        block.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
        tf.config.run_functions_eagerly(False)
        for generator in (own, *_generators(model)):
            _restart(generator)
        yield


@contextmanager
def seeds_where_needed() -> Iterator[None]:
    """Lets this thread make random ops where each needs a seed, and nobody has set one.

    That is so where ops have to be deterministic. Then a graph's ops have seeds by their places.
    """
    from tensorflow.python.framework import random_seed

    get_seed, by_place = random_seed.get_seed, _seeds_by_place()

    def seeds(op_seed: int | None) -> tuple[int, int]:
        try:
            found: tuple[int, int] = get_seed(op_seed)
        except RuntimeError:
            return by_place(op_seed)
        return found

    with process_lock(_LOCK):
        random_seed.get_seed = _in_this_thread(seeds, get_seed)
        try:
            yield
        finally:
            random_seed.get_seed = get_seed


_LOCK = "_reload_seeds_lock"
_CONTEXT = "make_function_context"
"""TensorFlow's function that tells when a ``tf.function`` is to be traced anew."""

_FUNCTIONS = ("train_function", "train_tf_function", "test_function", "predict_function")
"""Keras traces them anew where they are None."""


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Not TensorFlow's advice to trace less often, which no user of a bundle can follow."""
    return "triggered tf.function retracing" not in record.getMessage()


def _seeds_by_place() -> Callable[[int | None], tuple[int, int]]:
    """In place of TensorFlow's ``get_seed``: a graph's first op has the seeds 1 and 1, and so on.

    Whatever seeds a layer or the process has: with each trace, Keras gives a layer another one.
    """
    import tensorflow as tf

    places: dict[tf.Graph, int] = {}

    def seeds(op_seed: int | None) -> tuple[int, int]:
        graph = tf.compat.v1.get_default_graph()
        places[graph] = places.get(graph, 0) + 1
        return _SEED, places[graph]

    return seeds


def _context_of_block(function_context: types.ModuleType, mark: object) -> _Function:
    """In place of TensorFlow's: functions inside a model are traced anew as well."""
    make: _Function = getattr(function_context, _CONTEXT)

    def marked(*args: Any) -> Any:
        found = make(*args)
        return found._replace(context=(found.context, mark))

    return _in_this_thread(marked, make)


def _in_this_thread(function: _Function, elsewhere: _Function) -> _Function:
    """One function in the thread that asks for it, and another one in all others."""
    thread = threading.get_ident()

    def chosen(*args: Any) -> Any:
        return (function if threading.get_ident() == thread else elsewhere)(*args)

    return chosen


@functools.cache
def _own_generator() -> tf.random.Generator:
    """In place of the global generator, which the process may not have made yet."""
    import tensorflow as tf

    return tf.random.Generator.from_seed(_SEED)


def _generators(root: Any) -> Iterator[Any]:
    """The random generators below an object: TensorFlow's, and Keras's, ready for use."""
    import tensorflow as tf

    for each in tf.train.TrackableView(root).descendants():
        found: Any
        for found in (each, getattr(each, "_random_generator", None)):
            if hasattr(found, "make_legacy_seed"):  # Keras's has no public name.
                found._maybe_init()
                yield found
            elif isinstance(found, tf.random.Generator):
                yield found


def _restart(generator: Any) -> None:
    of_tensorflow = getattr(generator, "_generator", generator)
    if of_tensorflow is None:
        generator._seed = _SEED
    else:
        of_tensorflow.reset_from_seed(_SEED)


@contextmanager
def generators_unchanged(root: Any) -> Iterator[None]:
    """Restores the seeds and states of the generators below an object after the block."""
    generators = list(_generators(root))
    seeds = [(each, each._seed) for each in generators if hasattr(each, "_seed")]
    of_tensorflow = (getattr(each, "_generator", each) for each in generators)
    states = [(each.state, each.state.numpy()) for each in of_tensorflow if each is not None]
    try:
        yield
    finally:
        for generator, seed in seeds:
            generator._seed = seed
        for state, value in states:
            state.assign(value)
