"""The whole config: its sections, and the rules between them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, model_validator

from huberflow.pipeline.config.base import Strict, refuse_if
from huberflow.pipeline.config.beam import Beam
from huberflow.pipeline.config.choices import catalogue_in
from huberflow.pipeline.config.data import Data
from huberflow.pipeline.config.evaluation import Evaluation
from huberflow.pipeline.config.export import Export
from huberflow.pipeline.config.features import Features
from huberflow.pipeline.config.kubeflow import Kubeflow
from huberflow.pipeline.config.model import Model
from huberflow.pipeline.config.task_rules import check_task_rules
from huberflow.pipeline.config.tracking import Tracking
from huberflow.pipeline.config.training import Training


class Config(Strict):
    """All settings of a run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")] = Field(
        "taxi", description="Name of the model, and of its folder under serving/."
    )
    workspace: Path = Field(
        Path("workspace"),
        description="Folder for everything that runs write; delete it to start again.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        42, description="Random seed; the same seed on the same machine trains the same model."
    )
    objects: tuple[Path, ...] = Field(
        (), description="Python files or packages with custom losses, metrics, layers and so on."
    )
    data: Data = Data()
    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    export: Export = Export()
    beam: Beam = Beam()
    tracking: Tracking = Tracking()
    kubeflow: Kubeflow = Kubeflow()

    @model_validator(mode="after")
    def _check_columns(self) -> "Config":
        features, splits, weight = self.features.columns(), self.data.splits, self.data.weight
        named = [*(("data.label", label) for label in self.data.labels), ("data.weight", weight)]
        if splits.values:
            named.append(("data.splits.column", splits.column))
        named.append(("data.splits.group", splits.group))
        for key, column in named:
            refuse_if(column in features, key, "a column that is no feature", repr(column))
        is_label = weight in self.data.labels
        refuse_if(is_label, "data.weight", "a column that is not the label", repr(weight))
        return self

    @model_validator(mode="after")
    def _check_task(self, info: ValidationInfo) -> "Config":
        sections = (self.data, self.model, self.training, self.evaluation)
        check_task_rules(*sections, catalogue_in(info))
        return self

    @property
    def experiment(self) -> str:
        """The experiment that runs belong to on a tracking server."""
        return self.tracking.experiment or self.name

    def columns(self) -> list[str]:
        """All columns of the data that a run reads."""
        return [*self.data.label_and_weight, *self.features.columns()]
