"""Section ``data``: where the rows come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from huberflow.pipeline.config.base import Strict
from huberflow.pipeline.config.splits import Files, Splits


def _whole_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_or_several(label: Any) -> Any:
    names = [label] if isinstance(label, str) else label
    texts = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not texts or not names or len(set(names)) < len(names):
        raise ValueError("expected a column, or a list of columns, each once")
    return names[0] if len(names) == 1 else tuple(names)


class Data(Strict):
    """Where the rows come from."""

    path: Path | None = Field(
        None,
        description="CSV, Parquet or TFRecord of tf.Examples: a file, a folder, or a pattern such "
        "as data/*.csv; null: the Chicago Taxi trips in TFX.",
    )
    label: Annotated[str | tuple[str, ...], BeforeValidator(_one_or_several)] = Field(
        "fare",
        description="Column to predict, or a list of them; rows without it are set aside.",
    )
    classes: tuple[Annotated[str, BeforeValidator(_whole_as_text)], ...] = Field(
        (),
        description="The label's values, for a classification; rows with any other are set aside. "
        "Of two, the probability of the second is predicted.",
    )
    weight: str | None = Field(
        None,
        description="Column of how much each row counts, in the loss and in every metric; null: "
        "all alike.",
    )
    exclude: tuple[str, ...] = Field((), description="Columns that are no features.")
    keep: tuple[str, ...] = Field(
        (), description="Columns that are features though the look at the data leaves them out."
    )
    left_out: dict[str, str] = Field(
        {}, description="Columns that are no features, and why: what the look at the data found."
    )
    rows_without_label: Annotated[int, Field(ge=0)] = Field(
        0, description="How many are set aside: what the look at the data found."
    )
    # Under its own name it would hide a method of pydantic's.
    pinned_schema: Path | None = Field(
        None,
        alias="schema",
        description="Schema that the data must fit, see huberflow schema --help; null: inferred "
        "from the train rows, and what does not fit is only told.",
    )
    drift_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1,
        # By chance alone, 600 rows against 300 stay below 0.05, where tails are heavy below 0.2;
        # 60 against 30 reach 0.3. A shift by one standard deviation gives 0.2.
        description="Told of a column that changed by more, since the last other data (drift) or "
        "from train to eval rows (skew): 0 is alike, 1 nothing in common.",
    )
    splits: Splits = Splits()

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @model_validator(mode="after")
    def _of_one_place(self) -> "Data":
        files, path = self.splits.files.train, self.path
        if files is not None and path is not None:
            raise ValueError(
                f"path: expected null beside splits.files, received {str(path)!r}; "
                "write: --set data.path=null"
            )
        column = self.splits.column
        if column is not None and path is None:
            raise ValueError(
                "splits.column: expected null for the taxi trips, "
                f"received {column!r}; write: --data PATH"
            )
        if column in self.labels:
            raise ValueError(
                f"splits.column: expected a column that is not the label, received {column!r}"
            )
        return self

    def paths(self) -> dict[str, str]:
        """See ``paths_of``."""
        return paths_of(self.model_dump(mode="json"))


def paths_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Where the user's own rows lie, by key of the config; nowhere: the taxi trips.

    Args:
      data: section of a config, plain; it may be wrong, as the config itself will say.
    """
    files = _section(_section(data, "splits"), "files")
    named = {"data.path": data.get("path")}
    named |= {f"data.splits.files.{split}": files.get(split) for split in Files.model_fields}
    return {key: str(path) for key, path in named.items() if path is not None}


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    below = values.get(key)
    return below if isinstance(below, Mapping) else {}
