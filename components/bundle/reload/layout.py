"""What is where in a bundle, and the fields of its certificate."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

SCHEMA_VERSION = 4
KERAS_GENERATION = "tf_keras 2"
EXTRA = "assets.extra"
CERTIFICATE = f"{EXTRA}/certificate.json"
GOLDEN_VALUES = f"{EXTRA}/golden.npz"
OPTIMIZER = f"{EXTRA}/optimizer.npz"
LOADER = f"{EXTRA}/reload.py"
LOADER_MODULES = f"{EXTRA}/reload_modules"
SIGNATURE = "model.sig"
"""Beside the SavedModel: where OpenSSF Model Signing writes by default."""
NO_BYTECODE = "__pycache__"
"""An empty file in each folder with source: there, Python can neither write nor read bytecode."""

CustomObject = TypedDict(
    "CustomObject",
    {"name": str, "module": str, "class": str, "config": Any, "file": str, "sha256": str},
)
"""A custom object of the model: its registered name, and the place of its source."""


class Versions(TypedDict):
    """The releases that a model's numbers may depend on."""

    python: str
    tensorflow: str
    tf_keras: str


class Distribution(TypedDict):
    """An installed distribution."""

    name: str
    version: str


class Source(TypedDict):
    """The user's modules that are in the bundle, beside huberflow's custom objects.

    ``left`` has the modules of the same packages that no object needs, ``requirements`` the
    distributions that the source imports, beside TensorFlow, tf_keras and what these need.
    """

    taken: list[str]
    left: list[str]
    requirements: list[Distribution]


class Tensor(TypedDict):
    """An input or output of a signature; None in ``shape`` stands for any length.

    ``argument`` is the name of an input in Python, where it is another one.
    """

    dtype: str
    shape: list[int | None]
    argument: NotRequired[str]


class Signature(TypedDict):
    """A signature of the SavedModel."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


Machine = dict[str, str | int]
"""All that decides whether two machines, or two processes on one, compute the same bits."""


class Tolerances(TypedDict):
    """The largest allowed absolute difference of each golden value, for each precision."""

    chosen: str
    same_machine: int
    float32: dict[str, float]
    tf32: dict[str, float]
    mixed_float16: dict[str, float]
    mixed_bfloat16: dict[str, float]


class GoldenFile(TypedDict):
    """The number of golden rows, 0 for none, and the SHA-256 of their file."""

    rows: int
    sha256: str


class Proof(TypedDict):
    """Which process gave the golden values: "training process", "exporting process" or "none".

    ``weights`` says which weights an optimizer that averages them left in the model; ``lacking`` is
    why some values of the model are not there; ``statement`` says all in words.
    """

    model: str
    weights: str
    signatures: dict[str, str]
    lacking: str
    statement: str


class Certificate(TypedDict):
    """``certificate.json``; ``certificate.schema.json`` describes its fields."""

    schema_version: int
    keras_generation: str | None
    versions: Versions
    machine: Machine
    objects: list[CustomObject]
    source: Source
    signatures: dict[str, Signature]
    training: Any
    lineage: Any
    proof: Proof
    tolerances: Tolerances
    golden: GoldenFile
    files: dict[str, str]
    sha256: str
