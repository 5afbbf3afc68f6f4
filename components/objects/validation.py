"""The whole validation of one object: built, used, and rebuilt from its config."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import tf_keras

from huberflow.components.contracts.json_record import JSON
from huberflow.components.objects import metric_check, round_trip
from huberflow.components.objects.checks import CHECKS
from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.samples import Make
from huberflow.components.objects.user_errors import prefixed, user_code
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import ALL, Task
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserObject


def validate(candidate: Candidate, module: str) -> UserObject:
    """The description of an object that has passed all checks.

    Raises:
      InputError: it would fail later.
    """
    hint = "write defaults that the class accepts"
    with user_code(candidate.key, "to be built without arguments", candidate.folder, hint=hint):
        candidate.make()
    tasks = _fitting_tasks(candidate)
    registered = registry.adopt(candidate.target, module)
    defaults = round_trip.constructor_arguments(candidate.target)
    if inspect.isclass(candidate.target):
        values = round_trip.other_values(candidate, defaults)
        round_trip.check(candidate, candidate.make(**values), values)
    return UserObject(
        name=candidate.name,
        kind=candidate.kind,
        module=candidate.target.__module__,
        registered=registered,
        arguments={name: _as_json(value) for name, value in defaults.items()},
        tasks=tasks,
    )


def warnings(candidate: Candidate, task: Task) -> list[str]:
    """What works for a task, and may surprise."""
    if candidate.kind != "metric":
        return []
    found = []
    if metric_check.ignores_weights(replace(candidate, task=task)):
        found.append("update_state ignores sample_weight: rows of any weight count the same")
    if task == "regression" and metric_check.misreads_whole_numbers(candidate.make):
        found.append(
            "update_state is wrong for a label column of whole numbers; write: "
            "y_true = tf.cast(y_true, y_pred.dtype)"
        )
    return [f"{candidate.key}: {warning}" for warning in found]


def check_choice(candidate: Candidate, key: str, config: Mapping[str, JSON]) -> None:
    """Builds and uses the object as a config names it, for the candidate's task.

    Raises:
      InputError: its constructor, or a check, refuses these values.
    """
    values = ", ".join(f"{name}={value!r}" for name, value in config.items())
    expected = f"arguments that {candidate.name} accepts"
    with user_code(f"{key}: {candidate.name}({values})", expected, candidate.folder):
        candidate.make(**config)
    try:
        _check(candidate, partial(candidate.make, **config))
    except InputError as error:
        raise prefixed(error, key) from error


def _check(candidate: Candidate, make: Make) -> None:
    tf_keras.utils.set_random_seed(7)
    CHECKS[candidate.kind](candidate, make)


def _fitting_tasks(candidate: Candidate) -> tuple[Task, ...]:
    """The tasks whose data a loss or a metric can use; other kinds fit the first.

    Raises:
      InputError: there is none; or any exception of the user's code.
    """
    fitting: list[Task] = []
    errors: list[Exception] = []
    for task in ALL if candidate.kind in ("loss", "metric") else ALL[:1]:
        try:
            _check(replace(candidate, task=task), candidate.make)
        except InputError:
            if not fitting:
                raise
        except Exception as error:  # the object may need the data of another task
            errors.append(error)
        else:
            fitting.append(task)
    if not fitting:
        raise errors[0]
    return tuple(fitting)


def _as_json(default: object) -> JSON:
    try:
        value: JSON = json.loads(json.dumps(default))
    except (TypeError, ValueError):
        return repr(default)
    return value
