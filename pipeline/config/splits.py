"""Subsection ``data.splits``: which rows are for training, early stopping and evaluation."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import DateFormatName, Strict


class Days(Strict):
    """First days of the validation and eval rows (set by profiling); older rows train the model."""

    written: DateFormatName = Field(description="Format of the dates, such as YYYY-MM-DD.")
    validation: date = Field(description="First day of the validation rows.")
    eval: date = Field(description="First day of the eval rows.")

    @model_validator(mode="after")
    def _check_order(self) -> "Days":
        if self.validation >= self.eval:
            raise InputError(
                "eval",
                expected=f"a later day than validation, {self.validation}",
                received=f"{self.eval}",
            )
        return self


class Files(Strict):
    """Files of each split, in place of data.path: a file, a folder or a pattern for each."""

    train: Path | None = Field(None, description="Rows for training.")
    validation: Path | None = Field(
        None, description="Rows for early stopping; null: drawn from the rows for training."
    )
    eval: Path | None = Field(None, description="Rows for the Evaluator only.")


class Splits(Strict):
    """How rows are split: by a hash of the row, by a column, or by the file they are in."""

    train: PositiveInt = Field(6, description="Share of the rows for training.")
    validation: PositiveInt = Field(1, description="Share of the rows for early stopping.")
    eval: PositiveInt = Field(3, description="Share of the rows for the Evaluator only.")
    column: str | None = Field(
        None,
        description="Column that decides the split, by words or by date (the newest rows are "
        "for eval); null: a hash of the row decides.",
    )
    values: dict[str, Literal["train", "validation", "eval"]] = Field(
        {}, description="Split for each value of that column (set by profiling)."
    )
    days: Days | None = Field(
        None,
        description="First days of the splits, where that column holds dates (set by profiling).",
    )
    files: Files = Files()

    @model_validator(mode="after")
    def _check_one_method(self) -> "Splits":
        if self.values and self.days:
            raise InputError(
                "values",
                expected="values or days",
                received="both",
                write="--set 'data.splits.values={}'",
            )
        if self.column is None and (self.values or self.days):
            key = "values" if self.values else "days"
            raise InputError(
                "column",
                expected=f"the column of splits.{key}",
                received="null",
                write=f"--set data.splits.{key}={'{}' if self.values else 'null'}",
            )
        files = [self.files.train, self.files.validation, self.files.eval]
        if any(files) and self.column is not None:
            raise InputError(
                "column",
                expected="null beside splits.files",
                received=repr(self.column),
                write="--set data.splits.column=null",
            )
        for name in ("train", "eval"):
            if any(files) and getattr(self.files, name) is None:
                raise InputError(
                    f"files.{name}",
                    expected="files, as other splits have them",
                    received="null",
                    write=f"--set data.splits.files.{name}=PATH",
                )
        return self
