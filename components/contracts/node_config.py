"""What each node is configured with: its ``custom_config``, which TFX stores as JSON.

The pipeline builds one for each node from the user's config; the component parses it once. It holds
what the node uses and no more, for TFX runs a node again when its config has changed. ``source``
is in all of them: hashes of the code that the node runs, by file, which TFX's cache cannot see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.target import Target
from huberflow.custom_objects.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class NodeConfig(JsonRecord):
    """What the config of every node has."""

    source: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SplitDays(JsonRecord):
    """Splits by date: the format of the dates, and the first day (ISO) of two splits."""

    written: str
    validation: str
    eval: str


@dataclass(frozen=True, kw_only=True)
class DrawnShares(JsonRecord):
    """The shares in which a hash divides rows; without ``eval``, only those to train on."""

    train: int
    validation: int
    eval: int = 0


@dataclass(frozen=True, kw_only=True)
class ExampleGenConfig(NodeConfig):
    """Which split a row belongs to; without any of the first five TFX splits by hash."""

    column: str | None = None
    """The column that decides; None where the file does."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The split of each of the column's values."""
    days: SplitDays | None = None
    """In place of ``values``, for a column of dates."""
    group: str | None = None
    """The column whose value is hashed; rows with one value have one split."""
    draw: DrawnShares | None = None
    """For a group the shares of all splits; else those of train and validation, or None where
    validation rows are not drawn from the train rows."""
    fractions: tuple[str, ...] = ()
    """Columns whose whole numbers are written as floats, as a pinned schema has them."""
    missing: tuple[str, ...] = ()
    """Texts that are missing values in every column."""
    texts: tuple[str, ...] = ()
    """Columns of CSV that are text, whatever they hold."""
    amounts: Mapping[str, str] = field(default_factory=dict)
    """Columns of amounts that are written as floats, and their format."""


@dataclass(frozen=True, kw_only=True)
class ValidatorConfig(NodeConfig):
    """What ExampleValidator measures and reports."""

    columns: tuple[str, ...]
    """Columns that are measured for drift and skew."""
    drift_threshold: float
    """Distances above this are reported."""
    pinned: bool
    """Whether the schema is pinned, so that data which do not fit it end the run."""


@dataclass(frozen=True, kw_only=True)
class LabelConfig(JsonRecord):
    """Which columns hold the label and the weight."""

    label: str | tuple[str, ...]
    classes: tuple[str, ...] = ()
    """Values of the label; empty where it is a number."""
    weight: str | None = None

    @property
    def target(self) -> Target:
        """What the model predicts."""
        return Target.of(self.label, self.classes)

    @property
    def label_and_weight(self) -> list[str]:
        """The columns that the model learns from, and does not read."""
        return [*self.target.labels, *([] if self.weight is None else [self.weight])]


@dataclass(frozen=True, kw_only=True)
class TransformConfig(LabelConfig, NodeConfig):
    """What ``preprocessing_fn`` makes of the raw columns."""

    features: FeaturesConfig
    missing: tuple[str, ...] = ()
    """Texts that are missing values in every column."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig(NodeConfig):
    """ServingExport has nothing to configure but its code."""
