"""Keras callbacks: a bundle of the best model, and the progress of training."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import bundle_source, clean_process, optimizer_state, reload
from huberflow.components.bundle.save import local_folder, refuse_no_json, save_bundle
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

PROGRESS = logging.getLogger("huberflow.training")
"""One record per epoch; its attribute ``progress`` is an ``EpochProgress``."""


class Progress(tf_keras.callbacks.CSVLogger):
    """Writes a row per epoch to ``epochs.csv``, and logs it to ``huberflow.training``.

    It adds learning rate, speed and time to the logs that the callbacks after it receive.

    Args:
      folder: for ``epochs.csv``; it is created where there is none.

    Example::

        >>> import huberflow
        >>> huberflow.callbacks.Progress("runs/1").filename
        'runs/1/epochs.csv'

    In training: ``model.fit(x, y, callbacks=[huberflow.callbacks.Progress("runs/1")])``.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        super().__init__(str(self._folder / artifact_files.EPOCHS))

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Begins the file anew."""
        self._folder.mkdir(parents=True, exist_ok=True)
        super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Starts the clock."""
        self._start, self._steps = time.perf_counter(), self._steps_taken()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Logs the epoch and writes its row."""
        assert logs is not None  # noqa: S101 (for the type checker: fit always passes them)
        seconds, ended = time.perf_counter() - self._start, time.time()
        logs |= {name: float(value) for name, value in logs.items()}
        if (rate := _learning_rate(self.model.optimizer)) is not None:
            logs["learning_rate"] = rate
        logs["steps_per_second"] = (self._steps_taken() - self._steps) / seconds
        progress = EpochProgress(epoch + 1, self.params["epochs"], ended, dict(logs))
        logs["time"] = ended
        line = f"epoch {progress.epoch}/{progress.epochs} {progress.values}"
        PROGRESS.info(line, extra={"progress": progress})
        super().on_epoch_end(epoch, logs)

    def _steps_taken(self) -> int:
        return int(self.model.optimizer.iterations.numpy())


def _learning_rate(optimizer: Any) -> float | None:
    """The learning rate of the last step, also under a schedule; None of an optimizer without."""
    try:
        rate = optimizer.learning_rate
    except (AttributeError, ValueError):
        return None
    if isinstance(rate, tf_keras.optimizers.schedules.LearningRateSchedule):  # of a legacy one
        rate = rate(tf.maximum(optimizer.iterations - 1, 0))
    return float(tf_keras.backend.get_value(rate))


Arrays: TypeAlias = np.ndarray | tf.Tensor | list[np.ndarray] | dict[str, np.ndarray]


class SaveBundle(tf_keras.callbacks.ModelCheckpoint):
    """Writes a bundle of the model after an epoch, as Keras's ``ModelCheckpoint`` writes the model.

    A bundle that is there already is replaced once the new one is complete. When training ends, the
    last one that was written is checked in a clean process.

    Args:
      path: the bundle's folder; it may have ``{epoch}`` and the names of logs, such as
        ``"bundles/{epoch:02d}-{val_loss:.2f}"``.
      validation_data: as ``fit`` takes it: (inputs, labels), (inputs, labels, weights), or a
        ``tf.data.Dataset`` of batches; the bundle holds some rows of it with the model's values.
      monitor: the log that says which model is best.
      mode: ``"min"``, ``"max"``, or ``"auto"``: by the name of ``monitor``.
      save_best_only: whether to write a bundle only when ``monitor`` is better than ever before.
      verbose: 1 to print each bundle.
      signatures: as ``model.save`` takes them.
      lineage: JSON for the certificate, beside the epoch.
      allow_ops: see ``huberflow.save_bundle``.

    Raises:
      InputError: before training: the model has an object that a bundle cannot carry, or there is
        another folder at ``path``; after the first epoch: the logs have no ``monitor``.
      CheckError: at the end: the model is another one where the bundle is loaded.

    Example::

        >>> import huberflow
        >>> best = huberflow.callbacks.SaveBundle("best", ([[1.0]], [[2.0]]), save_best_only=True)
        >>> best.monitor
        'val_loss'

    In training: ``model.fit(x, y, validation_data=held_out, callbacks=[best])``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        validation_data: tuple[Arrays, Arrays] | tuple[Arrays, Arrays, Arrays] | tf.data.Dataset,
        *,
        monitor: str = "val_loss",
        mode: Literal["auto", "min", "max"] = "auto",
        save_best_only: bool = False,
        verbose: int = 0,
        signatures: Mapping[str, Callable[..., object]] | None = None,
        lineage: Mapping[str, JSON] | None = None,
        allow_ops: Collection[str] = (),
    ) -> None:
        folder = str(local_folder(path))
        refuse_no_json(dict(lineage or {}))
        super().__init__(
            folder, monitor=monitor, mode=mode, save_best_only=save_best_only, verbose=verbose
        )
        if isinstance(validation_data, tf.data.Dataset):
            self._rows = (validation_data, None, None)
        elif isinstance(validation_data, tuple) and len(validation_data) in (2, 3):
            self._rows = tf_keras.utils.unpack_x_y_sample_weight(validation_data)
        else:
            raise InputError(
                "validation_data",
                expected="(inputs, labels), (inputs, labels, weights), or a tf.data.Dataset",
                received=type(validation_data).__name__,
                write="SaveBundle(path, (x_validation, y_validation))",
            )
        self._signatures, self._lineage = signatures, dict(lineage or {})
        self._allow_ops = allow_ops
        self._unchecked: Path | None = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Refuses what could not be saved in the end."""
        super().on_train_begin(logs)
        optimizer_state.refuse_foreign(self.model)
        optimizer_state.refuse_lost(self.model, bundle_source.used_objects(self.model))
        target = Path(self.filepath)
        if target.exists() and not (target / reload.layout.CERTIFICATE).exists():
            raise InputError(
                "path", expected="a new folder, or one with a bundle", received=str(target)
            )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Writes a bundle where the model is to be saved."""
        if self.save_best_only and self.monitor not in (logs or {}):
            raise InputError(
                "monitor",
                expected=f"one of the logs {', '.join(sorted(logs or {}))}",
                received=repr(self.monitor),
                hint="val_… needs validation_data in fit, too",
            )
        super().on_epoch_end(epoch, logs)

    def _save_handler(self, filepath: str) -> None:
        """Keras calls it to save the model."""
        target = Path(filepath)
        new, old = (target.with_name(f".{target.name}.{age}") for age in ("new", "old"))
        if old.exists() and not target.exists():
            old.rename(target)  # a process was killed between the two renames below
        for left in (new, old):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        lineage = {**self._lineage, "epoch": self._current_epoch + 1}
        given = (*self._rows, self._signatures, lineage)
        save_bundle(self.model, new, *given, check=False, allow_ops=self._allow_ops)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        self._unchecked = target

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Checks the last bundle."""
        super().on_train_end(logs)
        if self._unchecked is not None:
            device = clean_process.device_beside_this()
            clean_process.check_bundle(self._unchecked, device, self._allow_ops)
            self._unchecked = None
