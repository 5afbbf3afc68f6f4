"""The process that tries: reads questions, one JSON object a line, and answers likewise.

``{"modules": [{"name", "file", "origin", "offers"}], "choices": null}`` asks for everything that
the modules offer: ``objects``, ``warnings`` and ``refusals``; and for the ``parts`` of the network
in a module that offers nothing. With ``choices``, by key ``{"name", "config", "task"}``, and
``network``, only these are tried: ``refusals``.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import tf_keras

from huberflow.components.objects.attempt import description, try_choice
from huberflow.components.objects.discovery import Subject, imported, offered, public
from huberflow.components.objects.network_trial import network
from huberflow.components.objects.refusal import RefusalError, told
from huberflow.custom_objects import registry


def answer(question: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """See the module."""
    refusals: list[str] = []
    subjects = {
        module["name"]: _subjects(module, folder, refusals) for module in question["modules"]
    }
    if question["choices"] is not None:
        _try_choices(question["choices"], chain(*subjects.values()), refusals)
        if question["network"] is not None:
            _try_network(question["network"], subjects, folder, refusals)
        return {"refusals": refusals}
    offering = [module["name"] for module in question["modules"] if module["offers"]]
    found = [
        each
        for module in offering
        for subject in subjects[module]
        if (each := _described(subject, module, folder, refusals))
    ]
    parts = [
        {"name": subject.name, "module": subject.target.__module__}
        for module, held in subjects.items()
        if module not in offering
        for subject in held
    ]
    warnings = [warning for each in found for warning in each.pop("warnings")]
    return {"objects": found, "parts": parts, "warnings": warnings, "refusals": refusals}


def _described(
    subject: Subject, module: str, folder: Path, refusals: list[str]
) -> dict[str, Any] | None:
    try:
        return description(subject, module)
    except RefusalError as refusal:
        refusals.append(str(refusal))
    except Exception as error:
        refusals.append(
            f"{subject.who}: expected to work on small data, received {told(error, folder)}"
        )
    return None


def _subjects(module: Mapping[str, Any], folder: Path, refusals: list[str]) -> list[Subject]:
    ours = registry.registered()
    find = offered if module["offers"] else public
    try:
        found = find(
            imported(module["name"], folder, Path(module["origin"])), module["file"], folder
        )
        _refuse_takeover(ours, module["file"])
    except RefusalError as refusal:
        refusals.append(str(refusal))
        return []
    return found


def _refuse_takeover(ours: Mapping[str, Any], file: str) -> None:
    for name, target in ours.items():
        registered = f"{registry.PACKAGE}>{name}"
        if tf_keras.saving.get_registered_object(registered) is not target:
            tf_keras.utils.register_keras_serializable(registry.PACKAGE, name)(target)
            raise RefusalError(
                f"{file}: expected a name of its own in Keras's registry, received {registered}, "
                "which is ours; write: @tf_keras.utils.register_keras_serializable("
                f'"{Path(file).stem}")'
            )


def _try_choices(
    choices: Mapping[str, Mapping[str, Any]], subjects: Iterable[Subject], refusals: list[str]
) -> None:
    by_name = {subject.name: subject for subject in subjects}
    for key, choice in choices.items():
        try:
            if choice["name"] in by_name:
                subject = replace(by_name[choice["name"]], task=choice["task"])
                try_choice(subject, key, choice["config"])
        except RefusalError as refusal:
            refusals.append(str(refusal))


def _try_network(
    asked: Mapping[str, Any],
    subjects: Mapping[str, Iterable[Subject]],
    folder: Path,
    refusals: list[str],
) -> None:
    for module, found in subjects.items():
        for subject in found:
            registry.adopt(subject.target, module)
    try:
        network(asked, subjects, folder)
    except RefusalError as refusal:
        refusals.append(str(refusal))
    except Exception as error:
        refusals.append(
            f"model.build: expected a network that works on small data, received "
            f"{told(error, folder)}"
        )


def main() -> None:
    """Answers until who asks has gone."""
    folder = Path(sys.argv[1])
    # A user's module may print, or read what is typed: the answers and questions are apart.
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (for as long as the process lives)
    sys.path.append(str(folder))
    for line in questions:
        answers.write(json.dumps(answer(json.loads(line), folder)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
