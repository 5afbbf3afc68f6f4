"""Golden values: a model's values for some rows, as one process saw them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional

from huberflow.components.bundle import bundle_source, optimizer_state, reload
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
    tolerances: reload.layout.Tolerances
    machine: reload.layout.Machine
    """The machine that computed the values."""
    repeats: bool
    """Whether the model gives all its values again; those that it does not are left out."""

    def answered(self) -> list[str]:
        """The signatures that have answers; those of the others differ each time."""
        found = {name.split("/")[1] for name in self.values if name.startswith("answers/")}
        return [name for name in self.requests if reload.arrays.escaped(name) in found]

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of ``golden.npz``."""
        requests = {
            f"requests/{reload.arrays.escaped(name)}/{reload.arrays.escaped(argument)}": array
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
    keeps_graph: bool = False,
) -> Record:
    """Computes the values that a model gives each time it is asked, and leaves it as it was.

    It draws random numbers as in a check, see ``reload.seeding.seeded``; its signatures draw their
    own. A model that ``compile`` was told to run with XLA, eagerly, or several steps at a time, is
    asked without: a SavedModel says nothing of it.

    Args:
      model: asked for ``rows``; None for its signatures alone.
      rows: may be none.
      asked: its signatures.
      requests: the arguments of those to ask.
      steps: whether two training steps belong to the values.
      keeps_graph: whether a reload takes a graph of this process, and the seeds in it.

    Raises:
      InputError: a request is none that the signature answers; a metric has the name of another
        value; or values are not finite, so that they would prove nothing.
    """
    repeats = True
    with reload.deterministic_sums(fused=True):
        values, device = _answers(asked, requests)
    with reload.deterministic_sums():
        if model is not None and rows:
            model = _on_one_device(model, rows)
            with unchanged(model), _as_reloaded(model):
                held, repeats = _of_model(model, rows, steps, keeps_graph)
                values |= held
                with reload.seeding.seeded(model):
                    device = reload.asking.device_of(model, rows.inputs)
                predicts = any(map(_is_prediction, values))
                allowed = tolerances(model if predicts else None, rows, values)
        else:
            allowed = tolerances(None, rows, values)
    return Record(rows, requests, values, allowed, reload.machines.machine(device), repeats)


def _answers(
    asked: Mapping[str, Asked], requests: Mapping[str, Mapping[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], str]:
    """The outputs of signatures that are the same each time, and the device that they are on."""
    values: dict[str, np.ndarray] = {}
    tensors: list[tf.Tensor] = []
    for name, request in requests.items():
        first, again = (_answer(name, asked[name], request) for _ in range(2))
        values |= _same(
            reload.asking.answer_values(name, first), reload.asking.answer_values(name, again)
        )
        tensors += first.values()
    return values, reload.asking.device_of_tensors(tensors)


def _answer(name: str, asked: Asked, request: Mapping[str, np.ndarray]) -> Mapping[str, tf.Tensor]:
    try:
        return asked.answer(**request)
    except (tf.errors.OpError, ValueError) as error:
        expected, received = "what the signature answers", str(error).partition("\n")[0]
        raise InputError(f"requests[{name!r}]", expected=expected, received=received) from error


def _of_model(
    model: tf_keras.Model, rows: Rows, steps: bool, keeps_graph: bool
) -> tuple[dict[str, np.ndarray], bool]:
    """The values that are the same where the same numbers are drawn; whether these are all."""

    def computed() -> dict[str, np.ndarray]:
        given = vars(rows).values()
        with unchanged(model):
            values = reload.measuring.model_values(model, *given)
            _refuse_names(model)
            if steps and reload.measuring.has_loss(model, rows.labels):
                with optimizer_state.as_built(model):
                    values["steps"] = reload.measuring.step_losses(model, *given)
        return values

    with reload.seeding.seeded(model):
        first = computed()
        _refuse_not_finite(first)
        again = computed() if keeps_graph else None  # it goes on with other random numbers
    if again is None:
        with reload.seeding.seeded(model):
            again = computed()
    same = _same(first, again)
    others = {_kind(name) for name in first.keys() - same.keys()}
    return {name: each for name, each in same.items() if _kind(name) not in others}, not others


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values that are equal in both."""
    return {name: each for name, each in one.items() if _equal(each, other[name])}


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind not in "OSU")


def _kind(name: str) -> str:
    """The values that are proven together: predictions, the loss and the metrics, steps."""
    return "prediction" if _is_prediction(name) else name.partition("/")[0]


def _is_prediction(name: str) -> bool:
    return f"{name}/".startswith("model/prediction/")


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
        if _is_prediction(name):
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


def _on_one_device(model: tf_keras.Model, rows: Rows) -> tf_keras.Model:
    """The model, or a copy without the strategy under which each device sees some of the rows."""
    strategy = model.distribute_strategy
    in_threads = isinstance(strategy, tf.distribute.MirroredStrategy)  # one device has one, too
    if strategy.num_replicas_in_sync == 1 and not in_threads:
        return model
    with tf_keras.utils.custom_object_scope(
        bundle_source.by_name(bundle_source.used_objects(model))
    ):
        copy = _copied(model)
        if not copy.built:
            copy.predict_on_batch(rows.inputs)
        copy.set_weights(model.get_weights())
        if reload.resuming.is_compiled(model):
            copy.compile_from_config(model.get_compile_config())
    reload.resuming.restore_optimizer(copy, reload.resuming.optimizer_state(model))
    return copy


def _copied(model: tf_keras.Model) -> tf_keras.Model:
    """A model of the same class and the same layers."""
    own = type(model)
    own_config = own.get_config.__module__.partition(".")[0] != "tf_keras"
    if isinstance(model, Functional) and not own_config:
        copy = tf_keras.models.clone_model(model, clone_function=_cloned)
        copy.__class__ = own  # Keras makes a Sequential of any model derived from it
        return copy
    try:
        return own.from_config(model.get_config())
    except (TypeError, NotImplementedError) as error:
        raise InputError(
            "model",
            expected="a class that can be made anew, for one device",
            received=f"{own.__qualname__} of {own.__module__}, on several devices",
            write="def get_config(self): return {…}, the arguments of __init__",
        ) from error


def _cloned(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    """A copy of a layer; TFT's, which is attached to a model for serving, has no config."""
    try:
        return type(layer).from_config(layer.get_config())
    except NotImplementedError:
        return layer


@contextmanager
def unchanged(model: tf_keras.Model) -> Iterator[None]:
    """Restores the state of the model, its layers and its optimizers after the block."""
    with reload.model_state.unchanged(
        model, *model.variables, *reload.resuming.optimizer_variables(model)
    ):
        try:
            yield
        finally:
            model.reset_metrics()


@contextmanager
def _as_reloaded(model: tf_keras.Model) -> Iterator[None]:
    """Runs the model as a graph, without XLA and one step at a time, where it is traced anew."""
    steps = model.steps_per_execution
    before = model._jit_compile, model._run_eagerly, None if steps is None else int(steps.numpy())
    try:
        _run(model, False, model.dynamic, 1)
        yield
    finally:
        _run(model, *before)


def _run(
    model: tf_keras.Model, jit_compile: bool, run_eagerly: bool, steps_per_execution: int | None
) -> None:
    # The setters would drop the functions that the model has.
    model._jit_compile, model._run_eagerly = jit_compile, run_eagerly
    if model.steps_per_execution is not None and steps_per_execution is not None:
        model.steps_per_execution.assign(steps_per_execution)


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Writes an .npz file that ``reload.arrays.read_arrays`` reads."""
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
