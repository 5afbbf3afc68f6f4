"""Makes a bundle of a SavedModel that Keras saved, and of rows in a file."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import bundle, clean_process, reload
from huberflow.components.bundle.fit_rows import ROWS, Rows
from huberflow.components.bundle.proof import NONE
from huberflow.components.bundle.scratch import scratch_folder
from huberflow.components.bundle.unsafe_ops import refuse_unsafe_ops
from huberflow.components.objects.user_errors import user_code
from huberflow.components.serving.signatures import read_saved_model
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import tables


def make_bundle(
    saved_model: Path,
    out: Path,
    *,
    objects: Sequence[Path] = (),
    data: Path | None = None,
    labels: Sequence[str] = (),
    weight: str | None = None,
    allow_ops: Sequence[str] = (),
) -> reload.CheckReport:
    """Writes a bundle, after a clean process has reloaded it with the same values.

    Args:
      saved_model: the folder that ``model.save`` wrote.
      out: new; it appears when the bundle is complete.
      objects: Python files and packages that define the model's custom objects.
      data: a file of rows with a column for each of the model's inputs; the first 256 are taken.
      labels: the columns that the model was trained on.
      weight: the column with the weight of a row.
      allow_ops: ops of the model that may do more than compute.

    Returns:
      The report of the check.

    Raises:
      InputError: the model, the objects or the rows cannot be used.
      CheckError: the reloaded model differs.
    """
    _refuse_other_formats(saved_model)
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise InputError("--to", expected="a new folder", received=str(out))
    refuse_unsafe_ops(saved_model, allow_ops)
    rows = _rows(data, saved_model, labels, weight) if data else Rows()
    names = _objects(objects)
    with (
        scratch_folder(out) as folder,
        # An object that is not registered was saved under its plain name.
        tf_keras.utils.custom_object_scope(names),
    ):
        captured, written = folder / "captured", folder / out.name
        _capture(saved_model, captured, rows)
        lineage = {"saved_model": str(saved_model)}
        certificate = bundle.assemble(saved_model, captured, written, lineage)
        if rows and certificate["proof"]["model"] == NONE:
            raise _not_loaded(certificate["proof"]["lacking"])
        report = clean_process.check_bundle(written, allow_ops=allow_ops)
        os.replace(written, out)
    return report


def _capture(saved_model: Path, folder: Path, rows: Rows) -> None:
    try:
        bundle.capture_saved(
            saved_model,
            folder,
            inputs=rows.inputs,
            labels=rows.labels,
            sample_weight=rows.sample_weight,
        )
    except InputError as error:
        if error.key != "objects":
            raise
        raise _not_loaded(error.received) from error


def _not_loaded(reason: str) -> InputError:
    return InputError(
        "--objects",
        expected="the files that define all custom objects of the model",
        received=reason,
        write="--objects my_losses.py",
    )


def _refuse_other_formats(saved_model: Path) -> None:
    if not (saved_model / "saved_model.pb").is_file():
        raise InputError(
            "SAVED_MODEL",
            expected="a folder with saved_model.pb, which model.save(folder) writes",
            received=str(saved_model),
            hint="load a .keras or .h5 file in Python",
            write="huberflow.save_bundle(tf_keras.models.load_model(file), folder, inputs, labels)",
        )


def _public(path: Path) -> dict[str, object]:
    """The public classes and functions of a user's file or package, which is imported."""
    path = path.resolve()
    name = path.stem
    is_module = path.is_dir() or (path.suffix == ".py" and path.is_file())
    if not (is_module and name.isidentifier()):
        raise InputError(
            "--objects", expected="a Python file or the folder of a package", received=str(path)
        )
    sys.path.insert(0, str(path.parent))
    with user_code(str(path), "a module that can be imported", path.parent):
        module = user_objects.import_from(path.parent, name)
    return {
        name: each
        for name, each in vars(module).items()
        if callable(each) and getattr(each, "__module__", "").partition(".")[0] == path.stem
    }


_KERAS = (
    tf_keras.activations,
    tf_keras.constraints,
    tf_keras.initializers,
    tf_keras.layers,
    tf_keras.losses,
    tf_keras.metrics,
    tf_keras.optimizers,
    tf_keras.regularizers,
)


def _objects(paths: Sequence[Path]) -> dict[str, object]:
    """The users' classes and functions by the plain names under which a model has saved them."""
    objects: dict[str, object] = {}
    for path in paths:
        for name, each in _public(path).items():
            if getattr(each, "__name__", None) != name:
                continue  # another name of it, which no model has
            if tf_keras.utils.get_registered_name(each) != name:
                continue  # it was saved with the name of its package
            if objects.setdefault(name, each) is not each:
                raise _two_objects(f"{name} twice, the second time in {path}")
            if any(hasattr(module, name) for module in _KERAS):
                raise _two_objects(f"{name} in {path}, which is also a name of Keras")
    return objects


def _two_objects(received: str) -> InputError:
    return InputError(
        "--objects",
        expected="one object of each name, for the saved model says no more of it",
        received=received,
        hint="rename the one that the model does not use; or register its own and save it again",
        write='@tf_keras.utils.register_keras_serializable("package")',
    )


def _rows(data: Path, saved_model: Path, labels: Sequence[str], weight: str | None) -> Rows:
    """The rows of a file, as the model takes them."""
    table = _table(data)
    columns = _Columns(data, table)
    inputs, outputs = _signature(saved_model)
    rest = [name for name in table.column_names if name not in (*labels, weight)]
    return Rows(
        labels=columns.labels(labels, outputs) if labels else None,
        sample_weight=columns.array(weight, np.float32) if weight else None,
        inputs=columns.inputs(inputs, rest),
    )


def _table(data: Path) -> pa.Table:
    with tables.open_table(data, ROWS) as opened:
        batch = next(iter(opened.batches), None)
    if batch and batch.unreadable:
        bad = batch.unreadable[0]
        raise InputError(f"{data}, line {bad.line}", expected="a row", received=bad.reason)
    if batch is None or not len(batch.rows):
        raise InputError(str(data), expected="rows", received="none")
    return batch.rows


Specs = Mapping[str, tf.TensorSpec]


def _signature(saved_model: Path) -> tuple[Specs, Specs]:
    """The inputs and outputs of Keras's own signature, by name."""
    name = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    signatures = read_saved_model(saved_model).meta_graphs[0].signature_def
    if name not in signatures:
        raise InputError(
            "SAVED_MODEL", expected=f"a signature {name}", received=", ".join(signatures) or "none"
        )
    inputs, outputs = (
        {
            key: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype))
            for key, info in sorted(infos.items())
        }
        for infos in (signatures[name].inputs, signatures[name].outputs)
    )
    return inputs, outputs


_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def _exactly(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Text, numbers or truths as a dtype, none of them another value there.

    Raises:
      TypeError, ValueError, OverflowError: one of them is none of the dtype, or beyond its range.
    """
    if dtype.kind in "biu":
        read = _truth if dtype.kind == "b" else _whole
        return np.vectorize(read, otypes=[object])(values).astype(dtype)
    if dtype.kind == "O" and not all(isinstance(value, (str, bytes)) for value in values.flat):
        raise TypeError("one that is no text")
    with np.errstate(over="ignore"):
        array = values.astype(dtype)
    if dtype.kind == "f" and (np.isinf(array) & np.isfinite(values.astype(np.float64))).any():
        raise OverflowError(f"one beyond the range of {dtype}")
    return array


def _truth(value: object) -> bool:
    if str(value).lower() not in _TRUTH:
        raise ValueError(f"{value!r}, which is none of {', '.join(_TRUTH)}")
    return _TRUTH[str(value).lower()]


def _whole(value: str | float) -> int:
    number = int(value)
    if not isinstance(value, str) and number != value:
        raise ValueError(f"{value!r}, which is no whole number")
    return number


class _Columns:
    """Columns of a table as a model takes them."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        self._path, self._table = path, table

    def array(self, name: str, dtype: type | np.dtype) -> np.ndarray:
        """A column; of lists, a matrix."""
        if name not in self._table.column_names:
            raise InputError(
                str(self._path),
                expected=f"a column {name}",
                received=", ".join(self._table.column_names),
            )
        values = self._table[name].to_pylist()
        where, kind = f"{self._path}, column {name}", "text" if dtype is object else "a number"
        if None in values:
            line = values.index(None) + 1
            raise InputError(where, expected=f"{kind} in each row", received=f"none in row {line}")
        try:
            return _exactly(np.array(values, object), np.dtype(dtype))
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(where, expected=f"{kind} in each row", received=str(error)) from error

    def inputs(self, specs: Specs, rest: Sequence[str]) -> "reload.arrays.Nested":
        """The model's inputs: columns of their names; or all columns as the only input."""
        (name, spec), *others = specs.items()
        if not others and name not in rest:
            width = spec.shape[1] if spec.shape.rank == 2 else None
            if width != len(rest):
                raise InputError(
                    str(self._path),
                    expected=f"a column {name}" + (f", or {width} others" if width else ""),
                    received=", ".join(rest),
                    hint=None if width else "leave out --data, or use huberflow.save_bundle",
                )
            kind = spec.dtype.as_numpy_dtype
            return np.stack([self.array(column, kind) for column in rest], axis=1)
        arrays = {
            name: _shaped(self.array(name, spec.dtype.as_numpy_dtype), spec)
            for name, spec in specs.items()
        }
        return arrays if others else arrays[name]

    def labels(self, names: Sequence[str], outputs: Specs) -> "reload.arrays.Nested":
        """What the model was trained on: for several outputs, by their names."""
        columns = {name: self.array(name, np.float32)[:, np.newaxis] for name in names}
        if len(outputs) == 1:
            return np.concatenate(list(columns.values()), axis=1)
        if columns.keys() != outputs.keys():
            raise InputError(
                "--label",
                expected=f"a column for each output: {', '.join(outputs)}",
                received=", ".join(names),
            )
        return columns


def _shaped(column: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    return column[:, np.newaxis] if spec.shape.rank == column.ndim + 1 else column
