"""Validates a user's objects in a fresh process, as a worker imports them, before a run.

An import of TensorFlow is the price, once: what passed is remembered by the hash of the source, of
the checks, and of the versions that they ran with.
"""

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from huberflow.components.objects.protocol import Answer, ChoiceQuestion, NetworkQuestion, Question
from huberflow.custom_objects.catalogue import BUILT_IN
from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.custom_objects.user_objects import (
    UserModule,
    UserNetwork,
    UserObject,
    UserObjects,
)
from huberflow.pipeline.history.workspace import unwritable
from huberflow.pipeline.objects import module_sources
from huberflow.pipeline.objects.module_sources import ModuleSource
from huberflow.pipeline.objects.network_function import NetworkFunction
from huberflow.pipeline.objects.validating_process import validating_process
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.source_hash import source_hashes


@dataclass(frozen=True)
class ValidatedObjects:
    """A user's modules, and what they define.

    Attributes:
      sources: the modules.
      description: of their objects, without a folder.
      warnings: what works, and may surprise.
    """

    sources: tuple[ModuleSource, ...]
    description: UserObjects
    warnings: tuple[str, ...]


def inspect(
    paths: Iterable[Path], cache: Path | None = None, network: NetworkFunction | None = None
) -> ValidatedObjects:
    """Validates the objects in the modules and packages at these paths.

    The process that validates waits for ``check_choices``, which ends it.

    Args:
      paths: of Python files, or of folders with an ``__init__.py``.
      cache: a folder, which may not exist yet; what it remembers is not validated again.
      network: the user's; a config cannot name the objects of its module, unless a path does.

    Raises:
      InputErrors: an object would fail later, or a module cannot be imported.
    """
    sources = tuple(module_sources.find_sources(paths, network.path if network else None))
    question = Question(
        modules=tuple(each.name for each in sources if each.offered),
        network_modules=tuple(each.name for each in sources if not each.offered),
    )
    answer = _answer(sources, question, cache)
    if errors := [*answer.errors, *_clashes(sources, answer.objects)]:
        validating_process.cache_clear()
        raise InputErrors(errors)
    built_by = None
    if network is not None:
        built_by = UserNetwork(network.module, network.function, answer.network_parts)
    description = UserObjects(
        sha256=module_sources.digest(sources),
        modules={each.name: UserModule(each.files, each.sha256) for each in sources},
        objects=answer.objects,
        network=built_by,
    )
    return ValidatedObjects(sources, description, answer.warnings)


def check_choices(
    objects: ValidatedObjects,
    choices: Iterable[ChoiceQuestion],
    cache: Path | None = None,
    network: NetworkQuestion | None = None,
) -> None:
    """Builds and uses each of the user's objects as a config names it, and the network.

    Args:
      objects: what ``inspect`` returned.
      choices: all that the config names; those that are not the user's are passed over.
      cache: as of ``inspect``.
      network: the user's, for the columns of the config.

    Raises:
      InputErrors: a constructor refuses its arguments, a loss or a metric does not fit the task, or
        the network would fail later.
    """
    fitting = {each.name: each.tasks for each in objects.description.objects}
    # Without arguments, for a task that it fits, an object was validated already.
    asked = [
        choice
        for choice in choices
        if choice.name in fitting and (choice.config or choice.task not in fitting[choice.name])
    ]
    names = tuple(objects.description.modules)
    question = Question(network_modules=names, choices=tuple(asked), network=network)
    try:
        answer = _answer(objects.sources, question, cache) if asked or network else Answer()
    finally:
        validating_process.cache_clear()
    if answer.errors:
        raise InputErrors(answer.errors)


def _clashes(
    sources: Iterable[ModuleSource], objects: Iterable[UserObject]
) -> Iterator[InputError]:
    files = {source.name: source.path.relative_to(source.folder) for source in sources}
    first: dict[str, str] = {}
    for each in objects:
        file = str(files[each.module.partition(".")[0]])
        if owner := BUILT_IN.owner(each.name) or first.get(each.name):
            yield InputError(
                f"{file}: {each.name}",
                expected="a new name",
                received=f"one that {owner} has",
                hint=f"rename it, such as My{each.name}",
            )
        first.setdefault(each.name, file)


def _answer(sources: tuple[ModuleSource, ...], question: Question, cache: Path | None) -> Answer:
    """The process's answer, or a remembered one; errors are not remembered."""
    if not sources:
        return Answer()
    remembered = cache and cache / f"{_key(sources, question)}.json"
    if remembered and remembered.exists():
        return Answer.from_text(remembered.read_text(encoding="utf-8"))
    answer = validating_process(sources).answer(question)
    if remembered and not answer.errors:
        try:
            remembered.parent.mkdir(parents=True, exist_ok=True)
            with written_atomically(remembered) as temporary:
                temporary.write_text(answer.to_text(), encoding="utf-8")
        except OSError as error:
            raise unwritable(remembered.parent, error) from error
    return answer


def _key(sources: tuple[ModuleSource, ...], question: Question) -> str:
    about = {
        "sources": module_sources.digest(sources),
        "question": question.to_json(),
        "checks": source_hashes("huberflow.components.objects.validation"),
        "versions": [platform.python_version()]
        + [metadata.version(name) for name in ("tensorflow", "tf-keras")],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
