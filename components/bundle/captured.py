"""The folder that one process leaves about a model, for the one that assembles the bundle."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from huberflow.components.bundle import bundle_source, golden, reload
from huberflow.components.bundle.proof import AS_TRAINED
from huberflow.custom_objects.json_record import JSON

CAPTURED = "captured.json"
"""What the certificate says, in the words of that process; the other files are the bundle's."""

CERTIFIED = (
    "keras_generation",
    "versions",
    "machine",
    "objects",
    "source",
    "training",
    "tolerances",
)
"""The fields of the certificate that it has as they are."""


class Fields(TypedDict):
    """``CAPTURED``."""

    certified: dict[str, object]
    """``CERTIFIED``."""
    rows: int
    """The number of golden rows."""
    model: str
    """The process that gave the values of the Keras model, see ``proof``."""
    weights: str
    """Which weights the model has, see ``optimizer_state.served_weights``."""
    signatures: dict[str, str]
    """The process that asked each signature."""
    lacking: str
    """Why some values of the Keras model are not there."""


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What one process knows of a model."""

    record: golden.Record
    origin: str
    """The process, see ``proof``; "none" where the record has no values of the Keras model."""
    signatures: Mapping[str, str]
    """The process that asked each signature."""
    lacking: str
    """Why the record has not all values of the Keras model."""
    is_keras: bool
    """Whether a loader can load it as a Keras model."""
    objects: Sequence[reload.layout.CustomObject] = ()
    """The custom objects that it uses."""
    optimizer: Mapping[str, np.ndarray] | None = None
    """``reload.resuming.optimizer_state``; None where it is not known."""
    weights: str = AS_TRAINED
    """See ``optimizer_state.served_weights``."""
    training: JSON = None
    """How it was trained."""

    def write(self, folder: Path) -> None:
        """Writes the folder, which appears when it is complete."""
        with unfinished(folder) as new:
            source = bundle_source.copy_source([each["module"] for each in self.objects], new)
            golden.write_arrays(self.record.arrays(), new / _name(reload.layout.GOLDEN_VALUES))
            if self.optimizer:
                golden.write_arrays(self.optimizer, new / _name(reload.layout.OPTIMIZER))
            write_fields(new, self._fields(source))

    def _fields(self, source: reload.layout.Source) -> Fields:
        return {
            "certified": {
                "keras_generation": reload.layout.KERAS_GENERATION if self.is_keras else None,
                "versions": reload.releases.versions(),
                "machine": self.record.machine,
                "objects": self.objects,
                "source": source,
                "training": {} if self.training is None else self.training,
                "tolerances": self.record.tolerances,
            },
            "rows": len(self.record.rows),
            "model": self.origin,
            "weights": self.weights,
            "signatures": dict(self.signatures),
            "lacking": self.lacking,
        }


def write_fields(folder: Path, fields: Fields) -> None:
    """Writes ``CAPTURED``."""
    (folder / CAPTURED).write_text(json.dumps(fields, default=repr), encoding="utf-8")


def read_fields(folder: Path) -> Fields:
    """The fields that ``write_fields`` wrote."""
    fields: Fields = json.loads((folder / CAPTURED).read_text(encoding="utf-8"))
    return fields


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A temporary folder to write to, which is renamed to ``folder`` after the block.

    Raises:
      FileExistsError: the folder has files.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: expected a new folder, received one with files in it")
    new = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(new, ignore_errors=True)  # from a process that was killed
    new.mkdir(parents=True)
    yield new
    os.replace(new, folder)


def _name(path: str) -> str:
    return Path(path).name
