"""Losses, metrics, layers and other objects that a config names, with their arguments."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue, ObjectKind
from huberflow.pipeline.config.base import Strict


class Choice(Strict):
    """An object: its name and its arguments."""

    name: str
    config: dict[str, Any] = Field({})


def of_kind(kind: ObjectKind) -> AfterValidator:
    """A validator that refuses an unknown object of this kind, or wrong arguments."""

    def check_choice(choice: Choice, info: ValidationInfo) -> Choice:
        catalogue_in(info).check(kind, choice.name, choice.config)
        return choice

    return AfterValidator(check_choice)


def catalogue_in(info: ValidationInfo) -> Catalogue:
    """The catalogue in a validation's context; default: the built-in objects."""
    return (info.context or {}).get("catalogue", BUILT_IN)


Loss = Annotated[Choice, of_kind("loss")]
Metric = Annotated[Choice, of_kind("metric")]
Layer = Annotated[Choice, of_kind("layer")]
Activation = Annotated[Choice, of_kind("activation")]
Initializer = Annotated[Choice, of_kind("initializer")]
Regularizer = Annotated[Choice, of_kind("regularizer")]
Constraint = Annotated[Choice, of_kind("constraint")]
Optimizer = Annotated[Choice, of_kind("optimizer")]
