"""Losses, metrics, layers and other objects that a config names, with their arguments."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue, ObjectKind
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import Strict


class Choice(Strict):
    """An object: its name and its arguments."""

    name: str
    config: dict[str, Any] = Field({})


def of_kind(kind: ObjectKind) -> AfterValidator:
    """A validator that refuses an unknown object of this kind, or wrong arguments."""

    def check_choice(choice: Choice, info: ValidationInfo) -> Choice:
        catalogue = catalogue_in(info)
        try:
            catalogue.check(kind, choice.name, choice.config)
        except InputError as error:
            names_object = error.key.rpartition(".")[2] == "name"
            if names_object and catalogue.entries == BUILT_IN.entries:
                error.hint = "; ".join(filter(None, [_OWN, error.hint]))
            raise
        return choice

    return AfterValidator(check_choice)


_OWN = "an object of your own comes with --objects FILE, or objects: [FILE] in a config"


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
