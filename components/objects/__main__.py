"""The process that validates user-defined objects: see ``protocol``."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import tf_keras

from huberflow.components.objects import discovery, network_check, validation
from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.protocol import Answer, Question
from huberflow.components.objects.user_errors import collected
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import ObjectName

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
                objects.append(validation.validate(each, module))
                warnings += validation.warnings(each, objects[-1].tasks[0])
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
    built_in = registry.registered()
    with collected(errors, file, "a module that can be imported in a fresh process", folder):
        found = discovery.candidates(name, file, folder)
        for built_in_name, target in built_in.items():
            _check_registered(built_in_name, target, file)
        if not found and not may_be_none:
            raise InputError(
                file,
                expected="a class derived from tf_keras's Loss, Metric, Layer, Regularizer, "
                "Initializer or Constraint, or a function of (y_true, y_pred) or of (x), with a "
                "public name at the top",
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


def _check_asked(
    question: Question,
    candidates: dict[str, list[Candidate]],
    folder: Path,
    errors: list[InputError],
) -> None:
    by_name = {each.name: each for found in candidates.values() for each in found}
    for choice in question.choices:
        if choice.name in by_name:
            candidate = replace(by_name[choice.name], task=choice.task)
            with collected(errors, f"{choice.key}: {choice.name}", _EXPECTED, folder):
                validation.check_choice(candidate, choice.key, choice.config)
    if question.network is not None:
        for module, found in candidates.items():
            for each in found:
                registry.adopt(each.target, module)
        with collected(errors, "model.build", "a network that works on small data", folder):
            network_check.check(question.network, candidates, folder)


def main() -> None:
    """Answers questions until the process that asks has ended."""
    folder = Path(sys.argv[1])
    # A user's module may print or read stdin: questions and answers get descriptors of their own.
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (for as long as the process lives)
    sys.path.append(str(folder))
    for line in questions:
        answers.write(answer(Question.from_json(json.loads(line)), folder).to_text() + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
