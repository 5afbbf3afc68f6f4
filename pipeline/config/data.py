"""Section ``data``: the rows, the label, and which columns are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from huberflow.components.contracts.missing import is_number
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config.base import AmountFormatName, Strict, refuse_if
from huberflow.pipeline.config.splits import Files, Splits
from huberflow.pipeline.config.yaml_text import flow


def _whole_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_word(text: str) -> str:
    refuse_if(not text or is_number(text), "", "words", repr(text))
    return text


def _one_or_several(label: Any) -> object:
    names = [label] if isinstance(label, str) else label
    texts = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    wrong = not texts or not names or len(set(names)) < len(names)
    refuse_if(wrong, "", "a column, or a list of columns, each once", flow(label))
    return names[0] if len(names) == 1 else tuple(names)


class Data(Strict):
    """The data that a run reads."""

    path: Path | None = Field(
        None,
        description="CSV, Parquet or TFRecord (tf.Example) data: a file, a folder, or a pattern"
        " such as data/*.csv; null: the Chicago Taxi trips that come with TFX.",
    )
    label: Annotated[str | tuple[str, ...], BeforeValidator(_one_or_several)] = Field(
        "fare",
        description="Column to predict, or a list of columns; rows without a label are dropped.",
    )
    classes: tuple[Annotated[str, BeforeValidator(_whole_as_text)], ...] = Field(
        (),
        description="Classes of the label, for classification; rows with another value are "
        "dropped. With two classes, the model predicts the probability of the "
        "second.",
    )
    weight: str | None = Field(
        None,
        description="Column with the weight of each row, for the loss and for every metric; "
        "null: all rows count the same.",
    )
    missing: tuple[Annotated[str, AfterValidator(_check_word)], ...] = Field(
        (),
        description="Texts that are missing values in every column, such as unknown; NA, null, ? "
        "and the like are among numbers, dates and booleans anyway.",
    )
    decimal: Literal["point", "comma"] | None = Field(
        None,
        description="Decimal sign of columns whose numbers may be read in two ways, such as "
        "1,234 or 1.234; null: as profiling tells.",
    )
    day_first: bool | None = Field(
        None,
        description="Whether the day stands first in dates such as 01/02/2024, where no row "
        "decides; null: such columns are text.",
    )
    amounts: dict[str, AmountFormatName] = Field(
        {},
        description="Labels and weights that are text, and the format of their numbers, such as "
        "$1,234.56 (set by profiling).",
    )
    exclude: tuple[str, ...] = Field((), description="Columns that are not features.")
    keep: tuple[str, ...] = Field(
        (), description="Columns that are features although profiling would exclude them."
    )
    left_out: dict[str, str] = Field(
        {}, description="Excluded columns and the reason for each (set by profiling)."
    )
    rows_without_label: Annotated[int, Field(ge=0)] = Field(
        0, description="Number of rows dropped because they have no label (set by profiling)."
    )
    # Under its own name it would hide a method of pydantic's.
    pinned_schema: Path | None = Field(
        None,
        alias="schema",
        description="Schema file that the data must match, see: huberflow schema --help; null: "
        "the schema is inferred from the train rows, and anomalies are only "
        "reported.",
    )
    drift_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1,
        # A shift by one standard deviation gives 0.2; see validation.chance for what chance gives.
        description="Report columns whose distribution differs by more than this, and beyond "
        "chance, compared with the previous data set (drift) or between train and eval rows "
        "(skew). The measure is the "
        "Jensen-Shannon divergence for numbers, the L-infinity distance for text. 0: no "
        "difference; 1: nothing in common.",
    )
    splits: Splits = Splits()

    @property
    def label_and_weight(self) -> list[str]:
        """The columns that only training and evaluation read."""
        return [*self.labels, *([] if self.weight is None else [self.weight])]

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @model_validator(mode="after")
    def _check_one_source(self) -> "Data":
        path, splits = self.path, self.splits
        both, received = path and splits.files.train, repr(str(path))
        refuse_if(both, "path", "null beside splits.files", received, "--set data.path=null")
        for key, column in (("splits.column", splits.column), ("splits.group", splits.group)):
            no_data = column is not None and path is None
            refuse_if(no_data, key, "null for the taxi trips", repr(column), "--data PATH")
            refuse_if(column in self.labels, key, "a column that is not the label", repr(column))
        return self

    def paths(self) -> dict[str, str]:
        """The paths of the user's own data; see ``paths_of``."""
        return paths_of(self.plain())


def paths_of(data: Mapping[str, JSON]) -> dict[str, str]:
    """The paths of the user's own data, by key of the config; empty for the taxi trips.

    Args:
      data: the section ``data`` as JSON, before its validation.
    """
    files = _section(_section(data, "splits"), "files")
    named = {"data.path": data.get("path")}
    named |= {f"data.splits.files.{split}": files.get(split) for split in Files.model_fields}
    return {key: str(path) for key, path in named.items() if path is not None}


def _section(values: Mapping[str, JSON], key: str) -> Mapping[str, JSON]:
    below = values.get(key)
    return below if isinstance(below, Mapping) else {}
