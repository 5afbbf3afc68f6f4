"""The optimizers and learning-rate schedules of tf_keras: their arguments, and how these combine.

Adam's ``adaptive_epsilon`` is no argument here: its ``get_config`` leaves it out, so that a saved
model would train on without it.
"""

from collections.abc import Callable, Mapping

from .arguments import (
    boolean,
    finite,
    fraction,
    list_of,
    non_negative,
    not_positive,
    optional,
    part,
    positive,
    positive_fraction,
    rate,
    whole,
)
from .input_error import InputError

Arguments = Mapping[str, Callable[[str, object], object]]

_OF_EACH: Arguments = {
    "learning_rate": rate,
    "weight_decay": optional(non_negative),
    "clipnorm": optional(positive),
    "clipvalue": optional(positive),
    "global_clipnorm": optional(positive),
    "use_ema": boolean,
    "ema_momentum": fraction,
    "ema_overwrite_frequency": optional(whole(1)),
    "jit_compile": boolean,
}
_MOMENTS: Arguments = {"beta_1": part, "beta_2": part, "epsilon": non_negative}


def _inner(argument: str, value: object) -> object:
    raise InputError(
        argument, expected="an optimizer: {name: Adam, config: {…}}", received=repr(value)
    )


OPTIMIZERS: Mapping[str, Arguments] = {
    "Adadelta": {**_OF_EACH, "rho": fraction, "epsilon": non_negative},
    "Adafactor": {
        **_OF_EACH,
        "beta_2_decay": finite,
        "epsilon_1": non_negative,
        "epsilon_2": non_negative,
        "clip_threshold": positive,
        "relative_step": boolean,
    },
    "Adagrad": {**_OF_EACH, "initial_accumulator_value": non_negative, "epsilon": non_negative},
    "Adam": {**_OF_EACH, **_MOMENTS, "amsgrad": boolean},
    "AdamW": {**_OF_EACH, "weight_decay": non_negative, **_MOMENTS, "amsgrad": boolean},
    "Adamax": {**_OF_EACH, **_MOMENTS},
    "Ftrl": {
        **_OF_EACH,
        "learning_rate_power": not_positive,
        "initial_accumulator_value": non_negative,
        "l1_regularization_strength": non_negative,
        "l2_regularization_strength": non_negative,
        "l2_shrinkage_regularization_strength": non_negative,
        "beta": non_negative,
    },
    "Lion": {**_OF_EACH, "beta_1": positive_fraction, "beta_2": fraction},
    "Nadam": {**_OF_EACH, **_MOMENTS},
    "RMSprop": {
        **_OF_EACH,
        "rho": fraction,
        "momentum": fraction,
        "epsilon": non_negative,
        "centered": boolean,
    },
    "SGD": {**_OF_EACH, "momentum": fraction, "nesterov": boolean},
    "LossScaleOptimizer": {
        "inner_optimizer": _inner,
        "dynamic": boolean,
        "initial_scale": optional(positive),
        "dynamic_growth_steps": optional(whole(1)),
    },
}

_DECAY: Arguments = {
    "initial_learning_rate": non_negative,
    "decay_steps": positive,
    "decay_rate": non_negative,
    "staircase": boolean,
}
SCHEDULES: Mapping[str, Arguments] = {
    "CosineDecay": {
        "initial_learning_rate": non_negative,
        "decay_steps": positive,
        "alpha": non_negative,
        "warmup_target": optional(positive),
        "warmup_steps": non_negative,
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": non_negative,
        "first_decay_steps": positive,
        "t_mul": positive,
        "m_mul": positive,
        "alpha": non_negative,
    },
    "ExponentialDecay": _DECAY,
    "InverseTimeDecay": _DECAY,
    "PiecewiseConstantDecay": {"boundaries": list_of(whole(0)), "values": list_of(non_negative)},
    "PolynomialDecay": {
        "initial_learning_rate": non_negative,
        "decay_steps": positive,
        "end_learning_rate": non_negative,
        "power": positive,
        "cycle": boolean,
    },
}

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "CosineDecay": ("initial_learning_rate", "decay_steps"),
    "CosineDecayRestarts": ("initial_learning_rate", "first_decay_steps"),
    "ExponentialDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "InverseTimeDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "LossScaleOptimizer": ("inner_optimizer",),
    "PiecewiseConstantDecay": ("boundaries", "values"),
    "PolynomialDecay": ("initial_learning_rate", "decay_steps"),
}
"""Arguments without a default."""


def check_together(name: str, config: Mapping[str, object]) -> None:
    """Refuses arguments that are right one by one, and that the constructor refuses together.

    Raises:
      InputError: its key is that of one of them.
    """
    if config.get("clipnorm") is not None and config.get("global_clipnorm") is not None:
        raise InputError(
            "global_clipnorm", expected="one of clipnorm and global_clipnorm", received="both"
        )
    if name == "LossScaleOptimizer" and config.get("dynamic") is False:
        _check_fixed_scale(config)
    if name == "PiecewiseConstantDecay":
        _check_pieces(config["boundaries"], config["values"])  # type: ignore[arg-type]


def _check_fixed_scale(config: Mapping[str, object]) -> None:
    if config.get("initial_scale") is None:
        raise InputError("initial_scale", expected="a number, as dynamic is false", received="none")
    if config.get("dynamic_growth_steps") is not None:
        raise InputError(
            "dynamic_growth_steps", expected="none, as dynamic is false", received="a number"
        )


def _check_pieces(boundaries: list[int], values: list[float]) -> None:
    if len(values) != len(boundaries) + 1:
        raise InputError(
            "values",
            expected=f"{len(boundaries) + 1} numbers, one more than boundaries",
            received=str(len(values)),
        )
    if boundaries != sorted(set(boundaries)):
        raise InputError("boundaries", expected="steps in order", received=str(boundaries))
