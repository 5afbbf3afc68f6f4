"""The part of section ``data`` that says which rows are trained on, and which are held out."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from huberflow.pipeline.config.base import DateFormat, Strict


class Days(Strict):
    """Where dates part the splits: what the look at the data found; older rows are for train."""

    written: DateFormat = Field(description="How the dates are written, such as YYYY-MM-DD.")
    validation: date = Field(description="First day of the rows that early stopping looks at.")
    eval: date = Field(description="First day of the rows that the Evaluator alone sees.")

    @model_validator(mode="after")
    def _in_order(self) -> "Days":
        if self.validation >= self.eval:
            raise ValueError(
                f"eval: expected a later day than validation, {self.validation}, "
                f"received {self.eval}"
            )
        return self


class Files(Strict):
    """Files of each split, in place of data.path: each a file, a folder, or a pattern."""

    train: Path | None = Field(None, description="Rows to train on.")
    validation: Path | None = Field(
        None,
        description="Rows that early stopping looks at; null: drawn from the rows to train on.",
    )
    eval: Path | None = Field(None, description="Rows that the Evaluator alone sees.")


class Splits(Strict):
    """How rows are split: by a hash of their content, by a column, or by the files they lie in."""

    train: PositiveInt = Field(6, description="Share of the rows to train on.")
    validation: PositiveInt = Field(1, description="Share that early stopping looks at.")
    eval: PositiveInt = Field(3, description="Share that the Evaluator alone sees.")
    column: str | None = Field(
        None,
        description="Column that says the split, in words or by a date, the newest rows for eval; "
        "null: a hash.",
    )
    values: dict[str, Literal["train", "validation", "eval"]] = Field(
        {}, description="Split of each value of the column: what the look at the data found."
    )
    days: Days | None = Field(
        None, description="Where its dates part the splits: what the look at the data found."
    )
    files: Files = Files()

    @model_validator(mode="after")
    def _one_way(self) -> "Splits":
        if self.values and self.days:
            raise ValueError(
                "values: expected values or days, received both; "
                "write: --set 'data.splits.values={}'"
            )
        if self.column is None and (self.values or self.days):
            key = "values" if self.values else "days"
            raise ValueError(
                f"column: expected the column of splits.{key}, received null; "
                f"write: --set data.splits.{key}={'{}' if self.values else 'null'}"
            )
        files = [self.files.train, self.files.validation, self.files.eval]
        if any(files) and self.column is not None:
            raise ValueError(
                f"column: expected null beside splits.files, received {self.column!r}; "
                "write: --set data.splits.column=null"
            )
        for name in ("train", "eval"):
            if any(files) and getattr(self.files, name) is None:
                raise ValueError(
                    f"files.{name}: expected files, as other splits have them, received null; "
                    f"write: --set data.splits.files.{name}=PATH"
                )
        return self
