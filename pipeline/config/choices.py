"""Objects that a config names: losses, metrics, layers and the like, ours or tf_keras's."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from huberflow.custom_objects import catalogue
from huberflow.pipeline.config.base import Strict


class Choice(Strict):
    """An object by name, and its arguments."""

    name: str
    config: dict[str, Any] = Field({})


def of_kind(kind: catalogue.Kind) -> AfterValidator:
    """Refuses a choice that is no such object, or that has wrong arguments for it."""

    def known(choice: Choice) -> Choice:
        _check(kind, choice.name, choice.config)
        return choice

    return AfterValidator(known)


def _check(kind: catalogue.Kind, name: str, config: dict[str, Any]) -> None:
    """``catalogue.check``, naming the key below the choice that is wrong."""
    try:
        catalogue.check(kind, name, config)
    except LookupError as error:
        raise ValueError(f"name: {error.args[0]}") from error
    except ValueError as error:
        raise ValueError(f"config.{error}") from error


Loss = Annotated[Choice, of_kind("loss")]
Metric = Annotated[Choice, of_kind("metric")]
Layer = Annotated[Choice, of_kind("layer")]
Activation = Annotated[Choice, of_kind("activation")]
Initializer = Annotated[Choice, of_kind("initializer")]
Regularizer = Annotated[Choice, of_kind("regularizer")]
Constraint = Annotated[Choice, of_kind("constraint")]
Optimizer = Annotated[Choice, of_kind("optimizer")]
