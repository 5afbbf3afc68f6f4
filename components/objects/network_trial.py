"""Tries a user's own network: built for the columns of the data, saved, reloaded, asked again."""

import difflib
import importlib
import inspect
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional

from huberflow.components.bundle import bundle_source
from huberflow.components.objects import round_trip
from huberflow.components.objects.calling import ROWS
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError, told
from huberflow.components.training.model import Ends, LabelScale, build_model
from huberflow.custom_objects import registry

_WRITE = (
    "write: return tf_keras.Model(inputs, ends.prediction(hidden)), with inputs = ends.inputs()"
)
_TABLE_ROWS = 5  # the vocabulary is not known yet
_SCALES = {
    "none": LabelScale(1.0),
    "standard": LabelScale(1.0, 2.0),
    "log": LabelScale(1.0, 2.0, logarithmic=True),
}


def network(asked: Mapping[str, Any], modules: Collection[str], folder: Path) -> None:
    """Builds the network as the Trainer will, and holds it to what the pipeline needs of a model.

    Args:
      asked: the ``module`` and ``function`` that build it; the config's ``model`` section; the
        widths ``numbers``, ``categories`` and ``outputs``; the outputs' ``activation``; whether
        training is in ``mixed_precision``.
      modules: names of all of the user's own; their objects are registered.
      folder: holds them.

    Raises:
      RefusalError: it would break the run later, or not reload elsewhere.
    """
    function, file = _function(asked["module"], asked["function"], folder)
    who = f"{file}: {asked['function']}"
    tf_keras.utils.set_random_seed(7)
    with _precision("mixed_float16" if asked["mixed_precision"] else "float32"):
        model, ends = _built(function, asked, who, folder)
    _refuse_other_ends(model, ends, who)
    for layer in _layers(model):
        if type(layer).__module__.partition(".")[0] in modules:
            _refuse_incomplete(layer, folder)
    _refuse_what_stays_behind(model, modules, who)
    _refuse_other_when_reloaded(model, ends, who, folder)


def _function(name: str, function: str, folder: Path) -> tuple[Callable[..., Any], Path]:
    """The function, and the file that the messages name."""
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise RefusalError(
            f"model.build: expected a module that can be imported, received {name!r}: "
            f"{told(error, folder)}"
        ) from error
    functions = dict(inspect.getmembers(module, inspect.isfunction))
    if function not in functions:
        close = difflib.get_close_matches(function, functions, n=1)
        hint = f"did you mean {close[0]}?" if close else f"write: def {function}(ends, settings):"
        raise RefusalError(
            f"model.build: expected a function of {name}, received {function!r}; {hint}"
        )
    return functions[function], Path(inspect.getfile(module)).relative_to(folder)


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


def _built(
    function: Callable[..., Any], asked: Mapping[str, Any], who: str, folder: Path
) -> tuple[tf_keras.Model, Ends]:
    """The model, and the ends that it was given."""
    given: list[Ends] = []

    def build(ends: Ends, settings: Mapping[str, Any]) -> Any:
        given.append(ends)
        return function(ends, settings)

    _refuse_other_arguments(function, who)
    try:
        model = build_model(
            asked["model"],
            numbers=asked["numbers"],
            categories=asked["categories"],
            table_rows=_TABLE_ROWS if asked["categories"] else 0,
            outputs=asked["outputs"],
            activation=asked["activation"],
            label_scale=_SCALES[asked["model"]["label_scale"]],
            build=build,
        )
    except Exception as error:
        raise RefusalError(f"{who}: expected a model, received {told(error, folder)}") from error
    _refuse_other_kind(model, who)
    return model, given[0]


def _refuse_other_arguments(function: Callable[..., Any], who: str) -> None:
    try:
        inspect.signature(function).bind("ends", "settings")
    except TypeError as error:
        raise RefusalError(
            f"{who}: expected a function of (ends, settings), received one of "
            f"{inspect.signature(function)}; write: def {function.__name__}(ends, settings):"
        ) from error


def _refuse_other_kind(model: Any, who: str) -> None:
    root = type(model).__module__.partition(".")[0]
    if root == "keras":
        raise RefusalError(
            f"{who}: expected a model of tf_keras (Keras 2), received one of Keras 3; "
            "write: import tf_keras as keras"
        )
    if type(model) is not Functional:  # of another class, a reload would need its code and config
        raise RefusalError(
            f"{who}: expected a functional tf_keras.Model, received {type(model).__name__}; "
            f"{_WRITE}"
        )
    if model.optimizer is not None:
        raise RefusalError(
            f"{who}: expected a model that is not compiled, for loss, optimizer and metrics are "
            "the config's, received one that is; leave model.compile out"
        )


def _refuse_other_ends(model: tf_keras.Model, ends: Ends, who: str) -> None:
    inputs = dict(zip(model.input_names, model.inputs, strict=True))
    if (received := _told_inputs(inputs)) != (expected := _told_inputs(ends.inputs())):
        raise RefusalError(f"{who}: expected the inputs {expected}, received {received}; {_WRITE}")
    wanted = _told(ends.prediction(tf_keras.Input((1,))))
    given = [_told(output) for output in tf.nest.flatten(model.output)]
    if given != [wanted]:
        raise RefusalError(
            f"{who}: expected the output {wanted}, received {' and '.join(given)}; {_WRITE}"
        )


def _told_inputs(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_told(inputs[name])}" for name in sorted(inputs))


def _told(tensor: Any) -> str:
    return f"{tensor.dtype.name} {['batch', *tensor.shape[1:]]}".replace("'", "")


def _refuse_what_stays_behind(model: tf_keras.Model, modules: Collection[str], who: str) -> None:
    for layer in _layers(model):
        if isinstance(layer, tf_keras.layers.Lambda):
            raise RefusalError(
                f"{who}: expected layers whose source travels with the model, received the Lambda "
                f"{layer.name}; write its operations without it, or a class: "
                "class MyLayer(tf_keras.layers.Layer)"
            )
    try:
        used = bundle_source.used_objects(model)
    except ValueError as error:
        raise RefusalError(f"{who}: {error}") from error
    for each in used:
        root = each["module"].partition(".")[0]
        if root not in (*modules, registry.PACKAGE):
            raise RefusalError(
                f"{who}: {each['class']}: expected an object whose source travels with the model, "
                f"received one of {root}; name its files too: --objects {root}"
            )


def _layers(model: tf_keras.Model) -> Iterator[Any]:
    """All, those of models inside it among them."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, tf_keras.Model):
            yield from _layers(layer)


def _refuse_incomplete(layer: Any, folder: Path) -> None:
    target = type(layer)
    file = Path(inspect.getfile(target)).relative_to(folder)
    subject = Subject(target.__name__, "layer", target, f"{file}: {target.__name__}", folder)
    round_trip.refuse_incomplete(subject, lambda: layer)


def _refuse_other_when_reloaded(model: tf_keras.Model, ends: Ends, who: str, folder: Path) -> None:
    random = np.random.default_rng(5)
    rows = {
        name: tf.constant(
            random.integers(_TABLE_ROWS, size=(ROWS, each.shape[1]))
            if each.dtype.is_integer
            else random.normal(size=(ROWS, each.shape[1])),
            each.dtype,
        )
        for name, each in ends.inputs().items()
    }

    def predicted(model: tf_keras.Model) -> np.ndarray:
        return model(rows, training=False).numpy()

    before = predicted(model)
    if not np.array_equal(before, predicted(model), equal_nan=True):
        raise RefusalError(
            f"{who}: expected the same predictions for the same rows, received others; leave out "
            "what is random, or let it be so in training alone, as tf_keras.layers.Dropout"
        )
    try:
        with tempfile.TemporaryDirectory() as saved:
            model.save(saved, save_format="tf")
            reloaded = tf_keras.models.load_model(saved)
            again = predicted(reloaded)
    except Exception as error:
        raise RefusalError(
            f"{who}: expected a model that can be saved and reloaded, received "
            f"{told(error, folder)}"
        ) from error
    _refuse_other_weights(model, reloaded, who)
    if not np.array_equal(before, again, equal_nan=True):
        raise RefusalError(
            f"{who}: expected the same predictions from the saved and reloaded model, received "
            "others; return in get_config of each layer all that decides what it computes"
        )


def _refuse_other_weights(model: tf_keras.Model, reloaded: tf_keras.Model, who: str) -> None:
    """Keras draws the weights anew that were not there yet when a reload looked for them."""
    for saved, found in zip(model.weights, reloaded.weights, strict=False):
        if not np.array_equal(saved, found, equal_nan=True):
            layer = saved.name.rpartition("/")[0]
            raise RefusalError(
                f"{who}: expected the weights of the saved model in the reloaded one, received "
                f"others in {layer}; a layer that holds others has to build them, by a call: "
                "def build(self, shape): self.inner(tf.zeros([1, *shape[1:]]))"
            )
