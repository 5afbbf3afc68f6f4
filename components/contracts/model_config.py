"""What the Trainer and the Evaluator are configured with.

Apart from the configs of other nodes, for this module knows custom objects: TFX would run those
nodes again when the code of an object changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.node_config import LabelConfig, NodeConfig, TransformConfig
from huberflow.components.contracts.threshold import ThresholdAim
from huberflow.custom_objects.json_record import JSON, JsonRecord
from huberflow.custom_objects.user_objects import UserObjects


@dataclass(frozen=True, kw_only=True)
class ObjectChoice(JsonRecord):
    """A loss, a layer or another registered object: its name and its constructor's arguments."""

    name: str
    config: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(JsonRecord):
    """The network."""

    hidden_units: tuple[int, ...]
    embedding_dimension: int
    activation: ObjectChoice
    initializer: ObjectChoice
    regularizer: ObjectChoice | None = None
    constraint: ObjectChoice | None = None
    activity_regularization: ObjectChoice | None = None
    metric_logging: bool = False
    label_scale: Literal["none", "standard", "log"] = "none"
    task: str = "regression"
    build: str | None = None
    """The custom function that builds the network, as the user wrote it."""
    threshold: ThresholdAim | None = None
    """None: the likeliest class is answered."""


ClassWeight = Literal["balanced"] | Mapping[str, float]
"""Classes that count the same in all, or the weight of each."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(JsonRecord):
    """How the model is fitted."""

    loss: ObjectChoice
    optimizer: ObjectChoice
    metrics: tuple[ObjectChoice, ...] = ()
    epochs: int = 1
    steps_per_epoch: int | None = None
    """None: all train rows once."""
    batch_size: int = 256
    early_stopping_patience: int | None = None
    """None: training does not stop early."""
    mixed_precision: bool = False
    class_weight: ClassWeight | None = None
    """None: each row counts the same."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(TransformConfig):
    """The model and its training, on the features of the Transform."""

    seed: int
    model: ModelConfig
    training: TrainingConfig
    objects: UserObjects | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluatorConfig(LabelConfig, NodeConfig):
    """What the Evaluator measures."""

    evaluation: EvaluationConfig
    objects: UserObjects | None = None
