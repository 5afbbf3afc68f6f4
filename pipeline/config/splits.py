"""Subsection ``data.splits``: which rows are for training, early stopping and evaluation."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from huberflow.pipeline.config.base import DateFormatName, Strict, refuse_if


class Days(Strict):
    """First days of the validation and eval rows (set by profiling); older rows train the model."""

    written: DateFormatName = Field(description="Format of the dates, such as YYYY-MM-DD.")
    validation: date = Field(description="First day of the validation rows.")
    eval: date = Field(description="First day of the eval rows.")

    @model_validator(mode="after")
    def _check_order(self) -> "Days":
        expected = f"a later day than validation, {self.validation}"
        refuse_if(self.validation >= self.eval, "eval", expected, f"{self.eval}")
        return self


class Files(Strict):
    """Files of each split, in place of data.path: a file, a folder or a pattern for each."""

    train: Path | None = Field(None, description="Rows for training.")
    validation: Path | None = Field(
        None, description="Rows for early stopping; null: a random part of the training rows."
    )
    eval: Path | None = Field(None, description="Rows for the Evaluator only.")


class Splits(Strict):
    """How rows are split: by a hash of the row or of its group, by a column, or by its file."""

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
    group: str | None = Field(
        None,
        description="Column whose rows with one value all go to one split, by a hash of the value: "
        "a user, a patient, a device; null: each row by itself.",
    )
    files: Files = Files()

    @model_validator(mode="after")
    def _check_one_method(self) -> "Splits":
        both = bool(self.values and self.days)
        refuse_if(both, "values", "values or days", "both", "--set 'data.splits.values={}'")
        key, empty = ("values", "{}") if self.values else ("days", "null")
        no_column = self.column is None and getattr(self, key)
        write = f"--set data.splits.{key}={empty}"
        refuse_if(no_column, "column", f"the column of splits.{key}", "null", write)
        files = [name for name, path in self.files if path is not None]
        both, write = bool(files) and self.column is not None, "--set data.splits.column=null"
        refuse_if(both, "column", "null beside splits.files", repr(self.column), write)
        other = "splits.files" if files else "splits.column"
        both = self.group is not None and (bool(files) or self.column is not None)
        write = "--set data.splits.group=null"
        refuse_if(both, "group", f"null beside {other}", repr(self.group), write)
        for name in ("train", "eval"):
            lacking, write = files and name not in files, f"--set data.splits.files.{name}=PATH"
            refuse_if(lacking, f"files.{name}", "files, as other splits have them", "null", write)
        return self
