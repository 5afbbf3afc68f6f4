"""Golden values: a model's values for some rows, as one process saw them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import optimizer_state, reload
from huberflow.components.bundle.answers import Asked
from huberflow.components.bundle.fit_rows import Rows
from huberflow.components.bundle.tolerances import tolerances
from huberflow.custom_objects.input_error import InputError


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

    A model that ``compile`` was told to run with XLA, or several steps at a time, is asked without:
    a SavedModel says nothing of it.

    Args:
      model: asked for ``rows``; None for its signatures alone.
      rows: may be none.
      asked: its signatures.
      requests: the arguments of those to ask.
      steps: whether two training steps belong to the values.

    Raises:
      InputError: a request is none that the signature answers; a metric has the name of another
        value; or values are not finite, so that they would prove nothing.
    """
    values: dict[str, np.ndarray] = {}
    with reload.deterministic_sums():
        answered = {name: _answer(name, asked[name], given) for name, given in requests.items()}
        for name, answers in answered.items():
            values |= reload.answer_values(name, answers)
        device = reload.device_of_tensors(tf.nest.flatten(answered))
        if model is not None and rows:
            model = _on_one_device(model, rows)
            with unchanged(model), _as_reloaded(model):
                values |= _of_model(model, rows, steps)
                device = reload.device_of(model, rows.inputs)
                allowed = tolerances(model, rows, values)
        else:
            allowed = tolerances(None, rows, values)
    return Record(rows, requests, values, allowed, reload.machine(device))


def _answer(name: str, asked: Asked, request: Mapping[str, np.ndarray]) -> Mapping[str, tf.Tensor]:
    try:
        return asked.answer(**request)
    except (tf.errors.OpError, ValueError) as error:
        expected, received = "what the signature answers", str(error).partition("\n")[0]
        raise InputError(f"requests[{name!r}]", expected=expected, received=received) from error


def _of_model(model: tf_keras.Model, rows: Rows, steps: bool) -> dict[str, np.ndarray]:
    given = vars(rows).values()
    values = reload.model_values(model, *given)
    _refuse_names(model)
    if steps and reload.has_loss(model, rows.labels):
        values |= _repeatable_steps(model, rows)
    _refuse_not_finite(values)
    return values


def _refuse_names(model: tf_keras.Model) -> None:
    """Refuses a metric that would stand for another of the golden values."""
    names = [metric.name for metric in model.metrics]
    taken = {"prediction", "loss_per_example", *(["loss"] if names.count("loss") > 1 else [])}
    if wrong := taken.intersection(names):
        expected = "another name than loss, loss_per_example and prediction"
        raise InputError("metrics", expected=expected, received=", ".join(wrong))


def _refuse_not_finite(values: Mapping[str, np.ndarray]) -> None:
    """Refuses rows that prove nothing: a NaN equals any other."""
    for name, value in values.items():
        of_rows = np.atleast_1d(value).reshape(len(np.atleast_1d(value)), -1)
        if f"{name}/".startswith("model/prediction/"):
            key, is_proof = "inputs", _is_finite(of_rows).any(axis=1)
        elif name in ("model/loss_per_example", "model/loss", "steps"):
            key, is_proof = "labels", _is_finite(of_rows).all(axis=1)
        else:
            continue
        if not is_proof.all():
            row, kind = int(np.argmin(is_proof)), "step" if name == "steps" else "row"
            raise InputError(
                key,
                expected="rows for which the model's predictions and loss are finite",
                received=f"{name} {of_rows[row, 0]} for {kind} {row}",
                hint="leave such rows out; where all are so, training has failed",
            )


def _is_finite(array: np.ndarray) -> np.ndarray:
    is_number = array.dtype.kind not in "OSU"
    return np.isfinite(array) if is_number else np.ones(array.shape, bool)


def _repeatable_steps(model: tf_keras.Model, rows: Rows) -> dict[str, np.ndarray]:
    """The losses of two training steps; none where they differ from one time to the next."""
    if _draws_random_numbers(model, rows):
        return {}
    first, second = (_steps(model, rows) for _ in range(2))
    return {"steps": first} if np.array_equal(first, second, equal_nan=True) else {}


def _draws_random_numbers(model: tf_keras.Model, rows: Rows) -> bool:
    """Whether a training step does, as with Dropout; no reload draws the same ones."""
    data = tf_keras.utils.pack_x_y_sample_weight(*reload.tensors(vars(rows)).values())
    graph = tf.function(model.train_step).get_concrete_function(data).graph.as_graph_def()
    inside = (node for function in graph.library.function for node in function.node_def)
    return any(_RANDOM.search(node.op) for node in (*graph.node, *inside))


_RANDOM = re.compile(
    "Random|TruncatedNormal|Multinomial|Stateful(Uniform|StandardNormal)|Rng|NonDeterministic"
)
"""The ops of TensorFlow that draw random numbers."""


def _steps(model: tf_keras.Model, rows: Rows) -> np.ndarray:
    with unchanged(model), optimizer_state.as_built(model):
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
        with optimizer_state.found_by_name(model):
            copy.compile_from_config(model.get_compile_config())
    reload.restore_optimizer(copy, reload.optimizer_state(model))
    return copy


def _cloned(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    """A copy of a layer; TFT's, which is attached to a model for serving, has no config."""
    try:
        return type(layer).from_config(layer.get_config())
    except NotImplementedError:
        return layer


@contextmanager
def unchanged(model: tf_keras.Model) -> Iterator[None]:
    """Restores all variables of the model, its layers and its optimizers after the block."""
    found = [
        *model.variables,
        *reload.optimizer_variables(model),
        *tf.train.TrackableView(model).descendants(),
    ]
    # The vocabulary of a lookup layer, which no training changes, is in a table.
    variables = {id(each): each for each in found if isinstance(each, tf.Variable)}.values()
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        model.reset_metrics()


@contextmanager
def _as_reloaded(model: tf_keras.Model) -> Iterator[None]:
    """Runs the model without XLA and one step at a time in the block."""
    steps = model.steps_per_execution
    several = steps is not None and int(steps.numpy()) > 1
    if not (several or model.jit_compile):
        yield
        return
    before = model.jit_compile, int(steps.numpy())
    try:
        _run(model, False, 1)
        yield
    finally:
        _run(model, *before)


def _run(model: tf_keras.Model, jit_compile: bool, steps_per_execution: int) -> None:
    model.jit_compile, model.steps_per_execution = jit_compile, steps_per_execution
    # Keras makes them anew.
    model.train_function = model.test_function = model.predict_function = None


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
