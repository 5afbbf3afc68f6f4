"""The run that a model comes from, for its certificate."""

from collections.abc import Mapping
from dataclasses import dataclass

from huberflow.custom_objects.json_record import JSON, JsonRecord

LINEAGE = "lineage"
"""The execution property with a ``RunLineage`` as JSON, which ServingExport reads. Runners add it
when they launch the node: in the pipeline it would be part of TFX's cache key, new in every run."""


@dataclass(frozen=True, kw_only=True)
class TrackingTag(JsonRecord):
    """The MLflow tag that finds the run: on another server its run id is another one."""

    tag: str
    value: str


@dataclass(frozen=True, kw_only=True)
class RunLineage(JsonRecord):
    """The run that exported a model."""

    run: str
    mlflow: TrackingTag
    git: Mapping[str, JSON] | None
    """The commit of the code, and whether files differ from it; None outside a repository."""
