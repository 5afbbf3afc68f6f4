"""The process that validates user-defined objects: see ``protocol``."""

import inspect
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import tf_keras

from huberflow.components.objects import checks, discovery, network_check, round_trip
from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.protocol import Answer, ChoiceQuestion, Question
from huberflow.components.objects.user_errors import collected, prefixed, user_code
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import ALL, BUILT_IN, Catalogue, Entry, Task
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import ObjectName, UserObject

_EXPECTED = "to work on small data, in a graph too"


def answer(question: Question, folder: Path) -> Answer:
    """Validates the user's modules in ``folder``."""
    errors: list[InputError] = []
    offered = {name: _candidates(name, folder, errors) for name in question.modules}
    parts = {
        name: _candidates(name, folder, errors, may_be_none=True)
        for name in question.network_modules
    }
    if question.choices or question.network:
        _check_asked(question, offered | parts, folder, errors)
        return Answer(errors=tuple(errors))
    objects, warnings = [], []
    for module, candidates in offered.items():
        for each in candidates:
            with collected(errors, each.key, _EXPECTED, folder):
                objects.append(_validated(checks.settled(each), module))
                warnings += checks.warnings(replace(each, task=objects[-1].tasks[0]))
    names = [
        ObjectName(each.name, each.target.__module__) for many in parts.values() for each in many
    ]
    return Answer(
        objects=tuple(objects),
        network_parts=tuple(names),
        warnings=tuple(warnings),
        errors=tuple(errors),
    )


def _candidates(
    name: str, folder: Path, errors: list[InputError], *, may_be_none: bool = False
) -> list[Candidate]:
    file = f"{name}/__init__.py" if (folder / name).is_dir() else f"{name}.py"
    expected = (
        "a module that can be imported in a fresh process, where only installed packages are, and "
        "files of its own package: from . import helpers"
    )
    built_in = registry.registered()
    with collected(errors, file, expected, folder):
        found = discovery.candidates(name, file, folder)
        for built_in_name, target in built_in.items():
            _check_registered(built_in_name, target, file)
        if not found and not may_be_none:
            raise InputError(
                file,
                expected="a class derived from tf_keras's Loss, Metric, Layer, Regularizer, "
                "Initializer, Constraint, Optimizer or LearningRateSchedule, or a function of "
                "(y_true, y_pred) or of (x), with a public name at the top",
                received="none",
            )
        return found
    return []


def _check_registered(name: str, target: object, file: str) -> None:
    """Refuses a module that registered its own object under the name of one of huberflow's."""
    registered = f"{registry.PACKAGE}>{name}"
    if tf_keras.saving.get_registered_object(registered) is not target:
        tf_keras.utils.register_keras_serializable(registry.PACKAGE, name)(target)
        raise InputError(
            file,
            expected="a new name in Keras's registry",
            received=f"{registered}, which huberflow has",
            write=f'@tf_keras.utils.register_keras_serializable("{Path(file).stem}")',
        )


def _validated(candidate: Candidate, module: str) -> UserObject:
    """The description of an object that has passed all checks.

    Raises:
      InputError: it would fail later.
    """
    hint = "write defaults that the class accepts"
    with user_code(candidate.key, "to be built without arguments", candidate.folder, hint=hint):
        candidate.make()
    tasks = _fitting_tasks(candidate)
    registered = registry.adopt(candidate.target, module)
    if inspect.isclass(candidate.target):
        other = round_trip.with_other_values(candidate)
        round_trip.check(other, other.make())
    defaults = round_trip.arguments(candidate)
    return UserObject(
        name=candidate.name,
        kind=candidate.kind,
        module=candidate.target.__module__,
        registered=registered,
        arguments=json.loads(json.dumps(defaults, default=repr)),
        tasks=tasks,
        is_function=not inspect.isclass(candidate.target),
    )


def _fitting_tasks(candidate: Candidate) -> tuple[Task, ...]:
    """The tasks whose data a loss or a metric can use; other kinds fit all.

    Raises:
      InputError: there is none; or any exception of the user's code.
    """
    fitting: list[Task] = []
    errors: list[Exception] = []
    for task in ALL:
        try:
            checks.check(replace(candidate, task=task))
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


def _check_asked(
    question: Question,
    candidates: Mapping[str, list[Candidate]],
    folder: Path,
    errors: list[InputError],
) -> None:
    by_name = {each.name: each for found in candidates.values() for each in found}
    for choice in question.choices:
        if choice.name in by_name:
            with collected(errors, f"{choice.key}: {choice.name}", _EXPECTED, folder):
                _check_choice(choice, by_name[choice.name], _catalogue(by_name))
    if question.network is not None:
        for module, found in candidates.items():
            for each in found:
                registry.adopt(each.target, module)
        with collected(errors, "model.build", "a network that works on small data", folder):
            network_check.check(question.network, candidates, folder)


def _catalogue(candidates: Mapping[str, Candidate]) -> Catalogue:
    """The built-in objects and these, whose constructors check their arguments."""
    entries = {
        name: Entry(
            each.kind,
            each.target.__module__,
            dict.fromkeys(round_trip.arguments(each), lambda _, value: value),
        )
        for name, each in candidates.items()
    }
    return Catalogue({**BUILT_IN.entries, **entries})


def _check_choice(choice: ChoiceQuestion, candidate: Candidate, catalogue: Catalogue) -> None:
    """Builds and uses the object as a config names it, for the task of the config.

    Raises:
      InputError: its constructor, or a check, refuses these values.
    """
    config = registry.built_arguments(candidate.kind, choice.config, catalogue)
    chosen = replace(checks.settled(candidate), task=choice.task, config=config)
    values = ", ".join(f"{name}={value!r}" for name, value in choice.config.items())
    expected = f"arguments that {choice.name} accepts"
    with user_code(f"{choice.key}: {choice.name}({values})", expected, candidate.folder):
        chosen.make()
    try:
        checks.check(chosen)
    except InputError as error:
        raise prefixed(error, choice.key) from error


def main() -> None:
    """Answers questions until the process that asks has ended."""
    folder = Path(sys.argv[1])
    # A user's module may print or read stdin: questions and answers get descriptors of their own.
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (for as long as the process lives)
    sys.path.append(str(folder))
    for line in questions:
        print(answer(Question.from_text(line), folder).to_text(), file=answers, flush=True)


if __name__ == "__main__":
    main()
