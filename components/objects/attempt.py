"""The whole trial of one object: built, used, written as a config, built from it, used again."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import tf_keras

from huberflow.components.objects import loss_trial, metric_trial, round_trip
from huberflow.components.objects.calling import Arrays, Make
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError, UnfitError, told
from huberflow.components.objects.trials import TRIALS
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import ALL


def description(subject: Subject, module: str) -> dict[str, Any]:
    """What ``custom_objects.own`` says of an object, once it has passed, and its ``warnings``.

    Raises:
      RefusalError: it would break later.
    """
    defaults = round_trip.arguments(subject)
    _refuse_unbuildable(subject)
    fitting = _fitting(subject)
    subject = fitting[0]
    arrays = _behaviour(subject, subject.make)
    registered = registry.adopt(subject.target, module)
    if inspect.isclass(subject.target):
        _refuse_changed(subject, defaults)
    return {
        "name": subject.name,
        "kind": subject.kind,
        "module": subject.target.__module__,
        "registered": registered,
        "arguments": {name: _plain(value) for name, value in defaults.items()},
        "tasks": [each.task for each in fitting],
        "warnings": _warnings(subject, arrays),
    }


def try_choice(subject: Subject, key: str, config: Mapping[str, Any]) -> None:
    """Builds and uses the object as a config names it, for the subject's task.

    Raises:
      RefusalError: its constructor, or the trial, refuses these values.
    """
    try:
        subject.make(**config)
    except Exception as error:
        values = ", ".join(f"{name}={value!r}" for name, value in config.items())
        raise RefusalError(
            f"{key}: {subject.name}: expected arguments that it accepts, received {values}: "
            f"{told(error, subject.folder)}"
        ) from error
    try:
        _behaviour(subject, partial(subject.make, **config))
    except RefusalError as refusal:
        raise RefusalError(f"{key}: {refusal}") from refusal


def _fitting(subject: Subject) -> list[Subject]:
    """The object for each task that it can be used for.

    Raises:
      RefusalError: there is none; says why not for the first.
    """
    found: list[Subject] = []
    unfit: list[UnfitError] = []
    for task in ALL if subject.kind in ("loss", "metric") else ALL[:1]:
        each = replace(subject, task=task)
        try:
            _behaviour(each, subject.make)
        except UnfitError as error:
            unfit.append(error)
        except RefusalError:
            if not found:
                raise
        else:
            found.append(each)
    if not found:
        raise unfit[0]
    return found


def _refuse_unbuildable(subject: Subject) -> None:
    try:
        subject.make()
    except Exception as error:
        raise RefusalError(
            f"{subject.who}: expected to be built without arguments, received "
            f"{told(error, subject.folder)}; write defaults that the class accepts"
        ) from error


def _behaviour(subject: Subject, make: Make) -> Arrays:
    tf_keras.utils.set_random_seed(7)
    return TRIALS[subject.kind](subject, make)


def _refuse_changed(subject: Subject, defaults: Mapping[str, Any]) -> None:
    """Refuses an object that its config does not give back."""
    values = round_trip.varied(subject, defaults)
    restore = round_trip.restorer(subject, defaults, values)
    try:
        before = _behaviour(subject, partial(subject.make, **values))
    except RefusalError:  # of values that are ours, not the user's: the defaults must do
        restore = round_trip.restorer(subject, defaults, {})
        values, before = {}, _behaviour(subject, subject.make)
    again = _behaviour(subject, partial(subject.make, **values))
    if _alike(before, again) and not _alike(before, _behaviour(subject, restore)):
        told_values = ", ".join(f"{name}={value!r}" for name, value in values.items())
        raise RefusalError(
            f"{subject.who}.from_config: expected an object that gives the same values, received "
            f"one that gives others{', for ' + told_values if values else ''}; store in __init__, "
            "and return in get_config, all that decides what it computes"
        )


def _alike(one: Arrays, other: Arrays) -> bool:
    return len(one) == len(other) and all(
        first.shape == second.shape and np.allclose(first, second, 1e-5, 1e-6, equal_nan=True)
        for first, second in zip(one, other, strict=True)
    )


def _warnings(subject: Subject, arrays: Arrays) -> list[str]:
    found, numbers = [], subject.task == "regression"
    if subject.kind == "metric" and metric_trial.ignores_weights(arrays):
        found.append("update_state ignores sample_weight: rows of any weight count the same")
    if subject.kind == "metric" and numbers and metric_trial.misreads_whole_numbers(subject.make):
        found.append(
            "update_state is wrong for a label column of whole numbers; write: "
            "y_true = tf.cast(y_true, y_pred.dtype)"
        )
    if subject.kind == "loss" and numbers and loss_trial.fails_below_zero(subject.make):
        found.append("has no finite value for predictions below 0")
    return [f"{subject.who}: {warning}" for warning in found]


def _plain(default: Any) -> Any:
    try:
        return json.loads(json.dumps(default))
    except (TypeError, ValueError):
        return repr(default)
