"""What a model's signatures answer: in the process that trained it, or as a saved model."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import save_context, signature_serialization
from tf_keras.src.saving.legacy import saving_utils

from huberflow.components.bundle import reload
from huberflow.components.bundle.fit_rows import ROWS, as_array
from huberflow.components.serving.argument_names import traced_inputs
from huberflow.components.serving.signatures import read_saved_model
from huberflow.custom_objects.input_error import InputError

_LOG = logging.getLogger(__name__)

Requests = Mapping[str, Mapping[str, object]]
"""For each signature, an array for each of its arguments."""


@dataclass(frozen=True)
class Asked:
    """A signature that can be asked."""

    answer: Callable[..., Mapping[str, tf.Tensor]]
    """A function of its arguments, by keyword; its outputs by name. The model stays as it is."""
    inputs: Mapping[str, tf.TensorSpec]
    """Its arguments."""


def of_model(
    model: tf_keras.Model, signatures: object, names: Mapping[str, Mapping[str, str]]
) -> dict[str, Asked]:
    """The signatures that ``model.save`` would write.

    Args:
      model: built.
      signatures: what ``model.save`` takes: a ``tf.function`` with an input signature, a dict of
        them, or None for Keras's own.
      names: for some signatures, other names of some arguments.
    """
    if signatures is None:
        signatures = saving_utils.trace_model_call(model)
    # As when a model is saved: a model of several devices is traced as one of a single device, and
    # ``model.save`` need not trace it again.
    with save_context.save_context(tf.saved_model.SaveOptions()):
        concrete, *_ = signature_serialization.canonicalize_signatures(signatures)
    return {name: _asked(model, each, names.get(name, {})) for name, each in concrete.items()}


def _asked(
    model: tf_keras.Model,
    signature: tf.types.experimental.ConcreteFunction,
    names: Mapping[str, str],
) -> Asked:
    taken = _inputs(signature)
    arguments = {names.get(argument, argument): argument for argument in taken}

    def answer(**given: np.ndarray) -> Mapping[str, tf.Tensor]:
        named = ((arguments[name], each) for name, each in given.items())
        with reload.model_state.unchanged(model):
            return signature(**{n: tf.constant(each, taken[n].dtype) for n, each in named})

    return Asked(answer, {name: taken[argument] for name, argument in arguments.items()})


def _inputs(signature: tf.types.experimental.ConcreteFunction) -> dict[str, tf.TensorSpec]:
    _, specs = signature.structured_input_signature
    return dict(specs)


def of_saved_model(saved_model: Path) -> dict[str, Asked]:
    """The signatures of a SavedModel."""
    loaded = tf.saved_model.load(str(saved_model))
    return {
        name: Asked(_unchanging(loaded, name, each["inputs"]), specs(each["inputs"]))
        for name, each in described(saved_model).items()
    }


def _unchanging(
    loaded: object, name: str, inputs: Mapping[str, reload.layout.Tensor]
) -> Callable[..., Mapping[str, tf.Tensor]]:
    ask = reload.asking.signature_of(loaded, name, inputs)

    def answer(**given: np.ndarray) -> Mapping[str, tf.Tensor]:
        with reload.model_state.unchanged(loaded):
            return ask(**given)

    return answer


def described(saved_model: Path) -> dict[str, reload.layout.Signature]:
    """The signatures of a SavedModel as a certificate describes them."""
    graph = read_saved_model(saved_model).meta_graphs[0]
    return {
        name: {"inputs": _inputs_of(graph, name), "outputs": _tensors(signature.outputs)}
        for name, signature in sorted(graph.signature_def.items())
        if signature.method_name == tf.saved_model.PREDICT_METHOD_NAME
    }


def _inputs_of(
    graph: meta_graph_pb2.MetaGraphDef, signature: str
) -> dict[str, reload.layout.Tensor]:
    inputs = _tensors(graph.signature_def[signature].inputs)
    for name, argument in traced_inputs(graph, signature).items():
        inputs[name]["argument"] = argument
    return inputs


def _tensors(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, reload.layout.Tensor]:
    return {
        name: {
            "dtype": tf.as_dtype(info.dtype).name,
            "shape": tf.TensorShape(info.tensor_shape).as_list(),
        }
        for name, info in sorted(infos.items())
    }


def specs(tensors: Mapping[str, reload.layout.Tensor]) -> dict[str, tf.TensorSpec]:
    """The arguments of a signature that a certificate describes."""
    return {name: tf.TensorSpec(each["shape"], each["dtype"]) for name, each in tensors.items()}


def by_name(model: tf_keras.Model | None, inputs: "reload.arrays.Nested") -> dict[str, np.ndarray]:
    """The arrays of a model's inputs, by the names that its own signature takes them by."""
    if isinstance(inputs, Mapping):
        return {name: each for name, each in inputs.items() if isinstance(each, np.ndarray)}
    given = inputs if isinstance(inputs, list | tuple) else [inputs]
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    names = _input_names(model)
    return dict(zip(names, arrays, strict=True)) if len(names) == len(arrays) else {}


def _input_names(model: tf_keras.Model | None) -> list[str]:
    """The names of a model's inputs; those of a subclassed one are made up at its first call."""
    if model is None:
        return ["inputs"]
    return getattr(model, "input_names", None) or [
        f"input_{place}" if spec is None else spec.name  # None where Keras does not find the class
        for place, spec in enumerate(tf.nest.flatten(model.save_spec()[0]), start=1)
    ]


def arguments(
    asked: Mapping[str, Asked], requests: Requests | None, inputs: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """The arguments to ask each signature with, where there are any.

    Args:
      asked: the signatures.
      requests: for signatures that take something else than the model's inputs.
      inputs: the model's, by name; one alone fits an argument of any name.

    Raises:
      InputError: a request is for no signature, or its arguments are not those of the signature.
    """
    given = {name: _given(asked, name, request) for name, request in (requests or {}).items()}
    derived = {
        name: _derived(each.inputs, inputs) for name, each in asked.items() if name not in given
    }
    taken = {name: each for name, each in derived.items() if each and takes(asked[name], each)}
    return {name: each for name, each in {**taken, **given}.items() if each}


def takes(asked: Asked, arguments: Mapping[str, np.ndarray]) -> bool:
    """Whether a signature answers these: text may be no request for one that takes text."""
    try:
        asked.answer(**arguments)
    except (tf.errors.OpError, ValueError) as error:
        _LOG.warning("not asked with the rows, which it does not take: %s", error)
        return False
    return True


def _given(
    asked: Mapping[str, Asked], name: str, request: Mapping[str, object]
) -> dict[str, np.ndarray]:
    if name not in asked:
        raise InputError("requests", expected=f"some of {', '.join(asked)}", received=name)
    taken = asked[name].inputs
    if taken.keys() != request.keys():
        key, received = f"requests[{name!r}]", ", ".join(request) or "none"
        raise InputError(key, expected=f"the arguments {', '.join(taken)}", received=received)
    return {
        argument: _argument(f"requests[{name!r}][{argument!r}]", each, taken[argument])
        for argument, each in request.items()
    }


def _argument(key: str, value: object, spec: tf.TensorSpec) -> np.ndarray:
    array = as_array(key, value) if spec.shape.rank == 0 else _cut(as_array(key, value), spec)
    if not _fits(array, spec):
        expected, received = f"{spec.dtype.name} {spec.shape}", f"{array.dtype} {array.shape}"
        raise InputError(key, expected=expected, received=received)
    return array


def _derived(
    taken: Mapping[str, tf.TensorSpec], inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The model's inputs as arguments; empty where the signature takes something else."""
    if len(taken) == len(inputs) == 1:
        inputs = dict(zip(taken, inputs.values(), strict=True))
    if not taken or not taken.keys() <= inputs.keys():
        return {}
    found = {name: _cut(_as_taken(inputs[name], spec), spec) for name, spec in taken.items()}
    return found if all(_fits(found[name], spec) for name, spec in taken.items()) else {}


def _as_taken(array: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    """One value a row as ``[rows, 1]`` where the signature takes that, as in Keras's ``fit``."""
    return array[:, np.newaxis] if array.ndim == 1 and spec.shape.rank == 2 else array


def _cut(array: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    """At most ``ROWS`` rows, or as many as a signature takes that takes a fixed number."""
    rows = spec.shape[0] if spec.shape.rank else None
    return array[: ROWS if rows is None else rows]


def _fits(array: np.ndarray, spec: tf.TensorSpec) -> bool:
    """Whether a signature takes the array; it takes whole numbers for floats."""
    given, taken = tf.as_dtype(array.dtype), spec.dtype
    return spec.shape.is_compatible_with(array.shape) and (
        given == taken
        or (given.is_integer and (taken.is_integer or taken.is_floating))
        or (given.is_floating and taken.is_floating)
    )
