"""The first rows of what Keras's ``fit`` takes, as arrays."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError

ROWS = 256
"""Golden rows: enough to show a difference, few enough to keep the bundle small."""

_BYTES = 16_000_000
"""The most that golden rows of large inputs take, as of images; but there are two at least."""


@dataclass(frozen=True)
class Rows:
    """Rows as ``fit`` takes them: an array, or a list or a dict of arrays; None for none."""

    inputs: "reload.arrays.Nested" = None
    labels: "reload.arrays.Nested" = None
    sample_weight: "reload.arrays.Nested" = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name in ``golden.npz``."""
        parts = (reload.arrays.flat(part, nested) for part, nested in vars(self).items())
        return {name: array for part in parts for name, array in part.items()}

    def first(self, count: int) -> "Rows":
        """The first rows.

        Raises:
          InputError: there are fewer.
        """
        if len(self) < count:
            expected = f"{count} rows, as many as the model takes at once"
            raise InputError("inputs", expected=expected, received=f"{len(self)} rows")
        arrays = {name: array[:count] for name, array in self.arrays().items()}
        return Rows(*(reload.arrays.nested(part, arrays) for part in vars(self)))

    def small(self) -> "Rows":
        """As many of the first rows as take ``_BYTES``, but at least two."""
        taken = sum(map(_bytes_taken, self.arrays().values()))
        fitting = max(2, len(self) * _BYTES // max(taken, 1))
        return self.first(min(len(self), fitting))

    def __len__(self) -> int:
        return next((len(array) for array in self.arrays().values()), 0)


def _bytes_taken(array: np.ndarray) -> int:
    return sum(map(len, array.flat)) if array.dtype.kind == "O" else array.nbytes


def first_rows(inputs: object, labels: object = None, sample_weight: object = None) -> Rows:
    """At most ``ROWS`` rows.

    Args:
      inputs: an array or tensor, a list or a dict of them; or a ``tf.data.Dataset`` of batches of
        (inputs, labels, weights), the last one or two optional. None for no rows.
      labels: the same for the labels; None beside a dataset.
      sample_weight: the same for the weights.

    Raises:
      InputError: these are no dense arrays, or not of one length.
    """
    if isinstance(inputs, tf.data.Dataset):
        _refuse_beside_dataset(labels=labels, sample_weight=sample_weight)
        rows = _of_dataset(inputs)
    else:
        _refuse_other_counts(inputs=inputs, labels=labels, sample_weight=sample_weight)
        rows = _rows(inputs, labels, sample_weight)
    lengths = {name: len(array) for name, array in rows.arrays().items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        received = ", ".join(f"{length} {name}" for name, length in lengths.items())
        expected = "rows, and a label and a weight for each"
        raise InputError("inputs", expected=expected, received=received)
    weights = [array for name, array in rows.arrays().items() if name.startswith("sample_weight")]
    if weights and not any(map(np.any, weights)):
        expected = f"weights above 0 among the first {ROWS}"
        raise InputError("sample_weight", expected=expected, received="0 for each row")
    return rows


def _refuse_other_counts(**parts: object) -> None:
    """Refuses labels or weights for more or fewer rows, before the rest of the rows is cut off."""
    counts = {name: _count(part) for name, part in parts.items()}
    given = {name: count for name, count in counts.items() if count is not None}
    if len(set(given.values())) > 1:
        received = ", ".join(f"{count} {name}" for name, count in given.items())
        raise InputError("inputs", expected="as many labels and weights", received=received)


def _count(part: object) -> int | None:
    """The number of rows; None where it cannot be known."""
    if isinstance(part, Mapping):
        return _count(next(iter(part.values()), None))
    if isinstance(part, list | tuple) and not _is_list_of_scalars(part):
        return _count(next(iter(part), None))
    return len(part) if isinstance(part, Sized) and getattr(part, "shape", None) != () else None


def _refuse_beside_dataset(**arguments: object) -> None:
    for key, value in arguments.items():
        if value is not None:
            raise InputError(
                key,
                expected="None where the inputs are a tf.data.Dataset, which has them",
                received=type(value).__name__,
            )


def _of_dataset(dataset: tf.data.Dataset) -> Rows:
    """The first batches of equal shapes, as many as are needed."""
    batches: list[Rows] = []
    for element in dataset:
        batch = _rows(*tf_keras.utils.unpack_x_y_sample_weight(element))
        if batches and _shapes(batch) != _shapes(batches[0]):
            break
        batches.append(batch)
        if sum(map(len, batches)) >= ROWS:
            break
    if not batches:
        raise InputError("inputs", expected="a tf.data.Dataset of batches", received="an empty one")
    each = [batch.arrays() for batch in batches]
    arrays = {name: np.concatenate([arrays[name] for arrays in each])[:ROWS] for name in each[0]}
    return Rows(*(reload.arrays.nested(part, arrays) for part in vars(batches[0])))


def _shapes(rows: Rows) -> dict[str, tuple[int, ...]]:
    return {name: array.shape[1:] for name, array in rows.arrays().items()}


def _rows(inputs: object, labels: object, sample_weight: object) -> Rows:
    given = {"inputs": inputs, "labels": labels, "sample_weight": sample_weight}
    return Rows(**{part: _arrays(part, value) for part, value in given.items()})


def _arrays(key: str, value: object) -> "reload.arrays.Nested":
    if value is None:
        return None
    if isinstance(value, Mapping):
        if others := [name for name in value if not isinstance(name, str)]:
            raise InputError(key, expected="names that are text", received=repr(others[0]))
        return {name: _arrays(f"{key}[{name!r}]", each) for name, each in value.items()}
    if isinstance(value, list | tuple) and not _is_list_of_scalars(value):
        return [_each_array(f"{key}[{place}]", each) for place, each in enumerate(value)]
    return _first_array(key, value)


def _each_array(key: str, value: object) -> "reload.arrays.Nested":
    if value is None:
        hint = "give those of several outputs as a dict, without this one"
        raise InputError(key, expected="an array", received="None", hint=hint)
    return _arrays(key, value)


def _is_list_of_scalars(value: object) -> bool:
    """Whether Keras takes a list for one array: [1, 2], [[1, 2], [3, 4]]."""
    if isinstance(value, list | tuple):
        return bool(value) and _is_list_of_scalars(value[0])
    return isinstance(value, bool | int | float | str | bytes)


def _first_array(key: str, value: object) -> np.ndarray:
    """The first ``ROWS`` rows of an array, tensor, list of numbers, or column of a table."""
    received = type(value).__name__
    if isinstance(value, tf.RaggedTensor):
        raise _no_array(key, received, f"{key}.to_tensor()")
    if isinstance(value, tf.SparseTensor):
        raise _no_array(key, received, f"tf.sparse.to_dense({key})")
    if not _is_sliceable(value):
        raise _no_array(key, received)
    return as_array(key, value[:ROWS])


def _no_array(key: str, received: str, write: str | None = None) -> InputError:
    return InputError(key, expected="a dense array or tensor", received=received, write=write)


def _is_sliceable(value: object) -> TypeGuard[np.ndarray]:
    """Whether it is an array, or like one: a list, a tensor, a table; SciPy's sparse are not."""
    is_scalar = getattr(value, "shape", None) == ()
    return hasattr(value, "__getitem__") and not hasattr(value, "tocoo") and not is_scalar


def as_array(key: str, value: object) -> np.ndarray:
    """A value as an array of numbers, or of bytes, that NumPy can write.

    Raises:
      InputError: it is none.
    """
    if hasattr(value, "to_numpy"):  # as in Keras, a pandas Series is a column
        table = value.to_numpy()
        value = table if table.ndim > 1 else table[:, np.newaxis]
    array = value.numpy() if isinstance(value, tf.Tensor) else np.asarray(value)
    if array.dtype.kind == "S" and not isinstance(value, np.ndarray):
        array = np.asarray(value, object)  # NumPy's own text would drop a last byte of 0
    if array.dtype.kind in "OUS":
        try:
            # Not the tensor's own NumPy value: of a scalar that is a plain bytes.
            return np.asarray(tf.convert_to_tensor(array, tf.string).numpy(), object)
        except (TypeError, ValueError) as error:
            raise _no_array(key, f"an array of {array.dtype}") from error
    # bfloat16, which NumPy writes but cannot read; as float32 it is the same number
    return array.astype(np.float32) if array.dtype.kind == "V" else array
