"""Checks a user's network: built for the columns of the data, saved, reloaded, and compared."""

import importlib
import inspect
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional

from huberflow.components.bundle import bundle_source, reload
from huberflow.components.bundle.unsafe_ops import refuse_unsafe_ops
from huberflow.components.objects import round_trip
from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.protocol import NetworkQuestion
from huberflow.components.objects.user_errors import prefixed, user_code
from huberflow.components.training.fitting import precision
from huberflow.components.training.model import LabelScale, ModelIO, build_model
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

_WRITE = "return tf_keras.Model(inputs, io.prediction(hidden)), with inputs = io.inputs()"
_TABLE_ROWS = 5  # the real number follows from the vocabulary, which Transform makes
_SCALES = {
    "none": LabelScale(1.0),
    "standard": LabelScale(1.0, 2.0),
    "log": LabelScale(1.0, 2.0, logarithmic=True),
}


def check(question: NetworkQuestion, modules: Collection[str], folder: Path) -> None:
    """Builds the network as the Trainer will, and checks what the pipeline needs of a model.

    Args:
      question: the function, and the columns of the data.
      modules: names of all of the user's modules; their objects are registered.
      folder: holds them.

    Raises:
      InputError: it would fail later, or a reload would differ.
    """
    key = f"{question.module.replace('.', '/')}.py: {question.function}"
    tf_keras.utils.set_random_seed(7)
    with (
        precision(question.mixed_precision),
        user_code(key, "a model from a function of (io, settings)", folder),
    ):
        model, io = _built(question)
    _check_interface(model, io, key)
    expected = "layers and functions whose source can be copied into the model"
    for layer in bundle_source.inside(model):
        target = type(layer)
        if isinstance(layer, tf_keras.layers.Lambda):
            received, write = f"the Lambda {layer.name}", "class MyLayer(tf_keras.layers.Layer)"
            raise InputError(key, expected=expected, received=received, write=write)
        if isinstance(layer, tf_keras.layers.Layer) and _root(target.__module__) in modules:
            file = Path(inspect.getfile(target)).relative_to(folder)
            place = f"{file}: {target.__name__}"
            candidate = Candidate(target.__name__, "layer", target, place, folder)
            round_trip.check(candidate, layer)
    try:
        used = bundle_source.used_objects(model)
    except InputError as error:
        raise prefixed(error, key) from error
    for each in used:
        _refuse_unregistered(each["name"], key)
        root = _root(each["module"])
        if root not in modules and not each["module"].startswith(f"{registry.__package__}."):
            received, write = f"{each['class']} of {root}", f"--objects {root}"
            raise InputError(key, expected=expected, received=received, write=write)
    _check_reload(model, io, key, folder, question.allow_ops)


def _refuse_unregistered(name: str, key: str) -> None:
    """The Evaluator loads the model by registered names alone."""
    if name not in tf_keras.utils.get_custom_objects():
        raise InputError(
            f"{key}: {name}",
            expected="a registered class or function",
            received="one that is not registered",
            write='@tf_keras.utils.register_keras_serializable("mine") above it',
        )


def _root(module: str) -> str:
    return module.partition(".")[0]


def _built(question: NetworkQuestion) -> tuple[tf_keras.Model, ModelIO]:
    """The model, and the inputs and outputs that its function got."""
    function = _function(question)
    given: list[ModelIO] = []

    def build(io: ModelIO, settings: Mapping[str, JSON]) -> tf_keras.Model:
        given.append(io)
        return function(io, settings)

    model = build_model(
        question.model,
        numbers=question.numbers,
        categories=question.categories,
        table_rows=_TABLE_ROWS if question.categories else 0,
        outputs=question.outputs,
        activation=question.activation,
        label_scale=_SCALES[question.model.label_scale],
        build=build,
    )
    return model, given[0]


def _function(question: NetworkQuestion) -> Callable[..., tf_keras.Model]:
    module, name = importlib.import_module(question.module), question.function
    function, write = getattr(module, name, None), f"def {name}(io, settings):"
    if not callable(function):
        expected = f"a function of {question.module}"
        raise InputError("model.build", expected=expected, received=repr(name), write=write)
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as error:
        received = f"one of {inspect.signature(function)}"
        raise InputError(
            "model.build", expected="a function of (io, settings)", received=received, write=write
        ) from error
    return function


def _check_interface(model: tf_keras.Model, io: ModelIO, key: str) -> None:
    if type(model) is not Functional:  # to reload another class takes its code and config
        received = f"{type(model).__name__} of {_root(type(model).__module__)}"
        expected = "a functional tf_keras.Model (Keras 2)"
        raise InputError(key, expected=expected, received=received, write=_WRITE)
    inputs = dict(zip(model.input_names, model.inputs, strict=True))
    outputs = tf.nest.flatten(model.output)
    for name, expected, received in (
        ("inputs", _shapes(io.inputs()), _shapes(inputs)),
        ("output", _shape(io.prediction(tf_keras.Input((1,)))), " and ".join(map(_shape, outputs))),
    ):
        if expected != received:
            expected = f"the {name} {expected}"
            raise InputError(key, expected=expected, received=received, write=_WRITE)


def _shapes(tensors: Mapping[str, tf.Tensor]) -> str:
    return ", ".join(f"{name} {_shape(tensors[name])}" for name in sorted(tensors))


def _shape(tensor: tf.Tensor) -> str:
    return f"{tensor.dtype.name} {['batch', *tensor.shape[1:]]}".replace("'", "")


def _check_reload(
    model: tf_keras.Model, io: ModelIO, key: str, folder: Path, allow_ops: Collection[str]
) -> None:
    random = np.random.default_rng(5)
    rows = {
        name: tf.constant(
            random.integers(_TABLE_ROWS, size=(8, each.shape[1]))
            if each.dtype.is_integer
            else random.normal(size=(8, each.shape[1])),
            each.dtype,
        )
        for name, each in io.inputs().items()
    }

    before = _predicted(model, rows)
    with (
        user_code(key, "a model that can be saved and reloaded", folder),
        tempfile.TemporaryDirectory() as saved,
    ):
        model.save(saved, save_format="tf")
        try:
            refuse_unsafe_ops(Path(saved), allow_ops)
        except InputError as error:
            raise prefixed(error, key) from error
        after = _predicted(tf_keras.models.load_model(saved), rows)
    if not np.array_equal(before, after, equal_nan=True):
        raise InputError(
            key,
            expected="the same predictions from the saved and reloaded model",
            received="others",
            hint="return in get_config of each layer all that decides what it computes, create all "
            "weights in build, where a layer that holds others calls them, and draw random numbers "
            "by TensorFlow alone, as tf_keras.layers.Dropout does",
        )


def _predicted(model: tf_keras.Model, rows: Mapping[str, tf.Tensor]) -> np.ndarray:
    with reload.seeding.seeded(model):
        predicted: np.ndarray = model.predict_on_batch(rows)
    return predicted
