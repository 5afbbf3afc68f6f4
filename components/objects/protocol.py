"""The questions and answers of the validating process: one JSON object a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huberflow.components.contracts.model_config import ModelConfig
from huberflow.custom_objects.catalogue import Task
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON, JsonRecord
from huberflow.custom_objects.user_objects import ObjectName, UserObject


@dataclass(frozen=True, kw_only=True)
class ChoiceQuestion(JsonRecord):
    """An object, as a key of the config names it, and the task that a loss or metric has to fit."""

    key: str
    name: str
    task: Task
    config: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NetworkQuestion(JsonRecord):
    """A function that builds a network, and what it is built for; widths as of ``ModelIO``."""

    module: str
    function: str
    model: ModelConfig
    numbers: int
    categories: int
    outputs: int = 1
    activation: str = "linear"
    mixed_precision: bool = False
    allow_ops: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question(JsonRecord):
    """The modules to validate; with choices or a network, these alone are validated.

    Attributes:
      modules: names of modules whose objects a config may name.
      network_modules: names of modules whose objects the network alone uses.
    """

    modules: tuple[str, ...] = ()
    network_modules: tuple[str, ...] = ()
    choices: tuple[ChoiceQuestion, ...] = ()
    network: NetworkQuestion | None = None


@dataclass(frozen=True, kw_only=True)
class Answer(JsonRecord):
    """The result: what would fail later is in ``errors``, what may surprise in ``warnings``."""

    objects: tuple[UserObject, ...] = ()
    network_parts: tuple[ObjectName, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[InputError, ...] = ()
