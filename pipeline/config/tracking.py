"""Section ``tracking``: where runs are recorded."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from huberflow.pipeline.config.base import Strict, refuse_if
from huberflow.pipeline.system.masking import masked_text

_STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


def _check_store(uri: str) -> str:
    scheme = re.match(r"(\w+)(\+\w+)?://", uri)
    example = "http://127.0.0.1:5000 or sqlite:////data/mlflow.db"
    expected = f"the address of an MLflow server or database, such as {example}"
    wrong = scheme is None or scheme[1] not in _STORES
    refuse_if(wrong, "", expected, repr(masked_text(uri)))
    return uri


class Tracking(Strict):
    """Where runs are recorded for comparison; a run never fails because of it."""

    enabled: bool = Field(True, description="Record every run in MLflow.")
    uri: Annotated[str, AfterValidator(_check_store)] | None = Field(
        None,
        description="MLflow server or database; null: $MLFLOW_TRACKING_URI, or else a database "
        "in the workspace.",
    )
    experiment: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="MLflow experiment that runs belong to; null: the model's name."
    )
    run_name: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Name of the run in MLflow; null: the settings that differ from the defaults.",
    )
    patience: PositiveInt = Field(
        60, description="Seconds that a finished run waits for a slow server."
    )
