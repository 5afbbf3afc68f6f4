"""Random numbers: the same in every process."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from .in_thread import original, replaced
from .process import process_lock

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras

    _Function: TypeAlias = Callable[..., Any]

_SEED = 1


@contextmanager
def seeded(model: tf_keras.Model) -> Iterator[None]:
    """Makes a model draw the same random numbers in this block, in every process.

    What it runs is traced anew, as a graph, where each op has its seed by its place, and the steps
    of a loop draw one after another; and every generator starts from one state. After the block,
    the model has the functions that it had, which go on with the numbers that they would have
    drawn; so do all generators.
    """
    import tensorflow as tf

    own = _own_generator()
    with process_lock(_LOCK), generators_unchanged(model), ExitStack() as block:
        for function, here in _in_place_of_tensorflows(own):
            block.enter_context(replaced(function, here))
        for name in _FUNCTIONS:
            block.callback(setattr, model, name, getattr(model, name))
            setattr(model, name, None)
        advice = _NoAdvice()
        tf.get_logger().addFilter(advice)
        block.callback(tf.get_logger().removeFilter, advice)
        for generator in (own, *_generators(model)):
            _restart(generator)
        yield


def _in_place_of_tensorflows(own: tf.random.Generator) -> Iterator[tuple[Any, _Function]]:
    """Functions of TensorFlow, each with what stands for it in a thread that is seeded."""
    from tensorflow.python.eager.polymorphic_function import (
        eager_function_run,
        function_context,
        polymorphic_function,
    )
    from tensorflow.python.framework import random_seed
    from tensorflow.python.ops import stateful_random_ops, while_v2

    generators = [own]
    make_context = original(function_context.make_function_context)

    def context_of_block(*args: Any, **kwargs: Any) -> Any:  # traces anew what is inside a model
        found = make_context(*args, **kwargs)
        return found._replace(context=(found.context, generators[0]))

    make_loop = original(while_v2.while_loop)

    def loop_in_order(*args: Any, **kwargs: Any) -> Any:  # else its steps draw whose turn comes
        return make_loop(*args, **{**kwargs, "parallel_iterations": 1})

    yield random_seed.get_seed, _seeds_by_place()
    yield while_v2.while_loop, loop_in_order
    yield function_context.make_function_context, context_of_block
    yield stateful_random_ops.get_global_generator, lambda: generators[-1]
    yield stateful_random_ops.set_global_generator, generators.append
    yield eager_function_run.functions_run_eagerly, lambda: False
    yield polymorphic_function.Function._run_functions_eagerly.fget, lambda _: False


@contextmanager
def seeds_where_needed() -> Iterator[None]:
    """Lets this thread make random ops where each needs a seed, and nobody has set one.

    That is so where ops have to be deterministic. Then a graph's ops have seeds by their places.
    """
    from tensorflow.python.framework import random_seed

    get_seed, by_place = original(random_seed.get_seed), _seeds_by_place()

    def seeds(op_seed: int | None) -> tuple[int, int]:
        try:
            found: tuple[int, int] = get_seed(op_seed)
        except RuntimeError:
            return by_place(op_seed)
        return found

    with process_lock(_LOCK), replaced(random_seed.get_seed, seeds):
        yield


_LOCK = "_reload_seeds_lock"
_FUNCTIONS = ("train_function", "train_tf_function", "test_function", "predict_function")
"""Keras traces them anew where they are None."""


class _NoAdvice(logging.Filter):
    """Leaves out TensorFlow's advice to this thread to trace less often: no user can follow it."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record stays."""
        is_advice = "triggered tf.function retracing" in record.getMessage()
        return not is_advice or record.thread != self._thread


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
