"""Golden values: a model's values for some rows, as one process saw them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload
from huberflow.components.bundle.answers import Asked
from huberflow.components.bundle.fit_rows import Rows
from huberflow.components.bundle.tolerances import tolerances


@dataclass(frozen=True)
class Record:
    """Rows and requests, and a model's values for them."""

    rows: Rows
    requests: Mapping[str, Mapping[str, np.ndarray]]
    """The arguments of each signature that was asked."""
    values: Mapping[str, np.ndarray]
    """As in ``reload.Golden``."""
    tolerances: reload.Tolerances
    machine: reload.Machine
    """The machine that computed the values."""

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of ``golden.npz``."""
        requests = {
            f"requests/{reload.escaped(name)}/{reload.escaped(argument)}": array
            for name, arguments in self.requests.items()
            for argument, array in arguments.items()
        }
        return {**self.rows.arrays(), **requests, **self.values}


def record(
    model: tf_keras.Model | None,
    rows: Rows,
    asked: Mapping[str, Asked],
    requests: Mapping[str, Mapping[str, np.ndarray]],
    *,
    steps: bool = True,
) -> Record:
    """Computes a model's values, and leaves it as it was.

    Args:
      model: asked for ``rows``; None for its signatures alone.
      rows: may be none.
      asked: its signatures.
      requests: the arguments of those to ask.
      steps: whether two training steps belong to the values.
    """
    values: dict[str, np.ndarray] = {}
    with reload.deterministic_sums():
        answered = {name: asked[name].answer(**given) for name, given in requests.items()}
        for name, answers in answered.items():
            values |= reload.answer_values(name, answers)
        device = reload.device_of_tensors(tf.nest.flatten(answered))
        if model is not None and rows:
            model = _on_one_device(model, rows)
            given = vars(rows).values()
            values |= reload.model_values(model, *given)
            if steps and reload.has_loss(model, rows.labels):
                values |= _repeatable_steps(model, rows)
            device = reload.device_of(model, rows.inputs)
        allowed = tolerances(model if rows else None, rows, values)
    return Record(rows, requests, values, allowed, reload.machine(device))


def _repeatable_steps(model: tf_keras.Model, rows: Rows) -> dict[str, np.ndarray]:
    """The losses of two training steps; none where they differ from one time to the next.

    A layer such as Dropout draws random numbers, and no reload draws the same ones.
    """
    first, second = (_steps(model, rows) for _ in range(2))
    return {"steps": first} if np.array_equal(first, second, equal_nan=True) else {}


def _steps(model: tf_keras.Model, rows: Rows) -> np.ndarray:
    with _unchanged(model):
        return reload.step_losses(model, *vars(rows).values())


def _on_one_device(model: tf_keras.Model, rows: Rows) -> tf_keras.Model:
    """The model, or a copy without the strategy under which each device sees some of the rows."""
    if model.distribute_strategy.num_replicas_in_sync == 1:
        return model
    if isinstance(model, tf_keras.Sequential) or hasattr(model, "_is_graph_network"):
        copy = tf_keras.models.clone_model(model, clone_function=_cloned)
    else:
        copy = type(model).from_config(model.get_config())
        copy.predict_on_batch(rows.inputs)
    copy.set_weights(model.get_weights())
    if reload.is_compiled(model):
        copy.compile_from_config(model.get_compile_config())
    pairs = zip(reload.optimizer_variables(copy), reload.optimizer_variables(model), strict=True)
    for copied, original in pairs:
        copied.assign(original.numpy())
    return copy


def _cloned(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    """A copy of a layer; TFT's, which is attached to a model for serving, has no config."""
    try:
        return type(layer).from_config(layer.get_config())
    except NotImplementedError:
        return layer


@contextmanager
def _unchanged(model: tf_keras.Model) -> Iterator[None]:
    """Restores the model's and the optimizer's variables after the block."""
    variables = [*model.variables, *reload.optimizer_variables(model)]
    # The vocabulary of a lookup layer, which no training changes, is in a table.
    variables = [each for each in variables if isinstance(each, tf.Variable)]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        model.reset_metrics()


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Writes an .npz file that ``reload.read_arrays`` reads."""
    stored = {name: part for key, array in arrays.items() for name, part in _stored(key, array)}
    np.savez(path, allow_pickle=False, **stored)


def _stored(name: str, array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Text as its bytes and their lengths: NumPy would drop a last byte of 0, or pickle."""
    if array.dtype.kind == "O":
        yield f"{name}:bytes", np.array(bytearray(b"".join(array.ravel())))
        yield f"{name}:lengths", np.reshape([len(text) for text in array.ravel()], array.shape)
    else:
        # bfloat16, which NumPy writes but cannot read; as float32 it is the same number
        yield name, array.astype(np.float32) if array.dtype.kind == "V" else array
