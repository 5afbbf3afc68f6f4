"""The whole config: its sections, and the rules between them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, model_validator

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import Strict
from huberflow.pipeline.config.beam import Beam
from huberflow.pipeline.config.choices import catalogue_in
from huberflow.pipeline.config.data import Data
from huberflow.pipeline.config.evaluation import Evaluation
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
        description="Folder for everything that runs write; delete it to start anew.",
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
    beam: Beam = Beam()
    tracking: Tracking = Tracking()
    kubeflow: Kubeflow = Kubeflow()

    @model_validator(mode="after")
    def _check_label_and_weight(self) -> "Config":
        labels, weight = self.data.labels, self.data.weight
        for key, column in (*(("data.label", label) for label in labels), ("data.weight", weight)):
            if column in self.features.columns():
                raise InputError(key, expected="a column that is no feature", received=repr(column))
        if weight in labels:
            raise InputError(
                "data.weight", expected="a column that is not the label", received=repr(weight)
            )
        return self

    @model_validator(mode="after")
    def _check_split_column(self) -> "Config":
        splits = self.data.splits
        if splits.values and splits.column in self.features.columns():
            raise InputError(
                "data.splits.column",
                expected="a column that is no feature",
                received=repr(splits.column),
            )
        return self

    @model_validator(mode="after")
    def _check_task(self, info: ValidationInfo) -> "Config":
        sections = (self.data, self.model, self.training, self.evaluation)
        check_task_rules(*sections, catalogue_in(info))
        return self

    def columns(self) -> list[str]:
        """All raw columns that a run reads."""
        return [*self.data.label_and_weight, *self.features.columns()]
