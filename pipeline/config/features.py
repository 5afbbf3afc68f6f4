"""Section ``features``: how each column of the data is used."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from huberflow.pipeline.config.base import AmountFormatName, DateFormatName, Strict, refuse_if


class Features(Strict):
    """How each column of the data is used; a column that is not listed is not used."""

    numeric: tuple[str, ...] = Field(
        (
            "trip_miles",
            "trip_seconds",
            "pickup_latitude",
            "pickup_longitude",
            "dropoff_latitude",
            "dropoff_longitude",
        ),
        description="Numeric columns, standardised; a missing value becomes the mean, plus an "
        "extra 0/1 input that says the value was missing.",
    )
    categorical: tuple[str, ...] = Field(
        ("company", "payment_type", "pickup_community_area", "dropoff_community_area"),
        description="Categorical columns, embedded; a missing value is a category of its own.",
    )
    cyclic: dict[str, PositiveFloat] = Field(
        {"trip_start_hour": 24.0, "trip_start_day": 7.0, "trip_start_month": 12.0},
        description="Periodic columns and their period; encoded as sine and cosine.",
    )
    dates: dict[str, DateFormatName] = Field(
        {},
        description="Columns with dates and their format, such as YYYY-MM-DD; seconds and "
        "milliseconds count since 1970.",
    )
    amounts: dict[str, AmountFormatName] = Field(
        {},
        description="Text columns with numbers and their format, such as $1,234.56 or "
        "'1.234,56 €'; used as numeric columns.",
    )
    boolean: tuple[str, ...] = Field(
        (),
        description="Columns of true and false, embedded; True, TRUE, t, yes and 1 are true, too, "
        "and other text is a missing value.",
    )
    vocabulary_size: PositiveInt = Field(
        1000,
        description="Number of most frequent values to keep, over all categorical columns; "
        "other values are unknown.",
    )

    bins: NonNegativeInt = Field(
        0,
        description="Intervals between quantiles over which each numeric column is encoded "
        "piecewise linearly, beside its standardised value; 0: none.",
    )

    @model_validator(mode="after")
    def _check_used_once(self) -> "Features":
        columns = self.columns()
        repeated = sorted({column for column in columns if columns.count(column) > 1})
        refuse_if(repeated, "", "each column once", f"twice: {', '.join(repeated)}")
        refuse_if(not columns, "", "at least one column", "none")
        return self

    def columns(self) -> list[str]:
        """All columns of the data that the model reads."""
        by_format = [*self.dates, *self.amounts]
        return [*self.numeric, *self.categorical, *self.cyclic, *by_format, *self.boolean]
