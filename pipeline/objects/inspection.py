"""Tries a user's objects in a fresh process, as a worker will see them, before the pipeline runs.

An import of TensorFlow is the price, once: what passed is remembered by the hash of the source, of
our checks, and of the versions that they ran with.
"""

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from huberflow.custom_objects.catalogue import BUILT_IN, Task
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.history.workspace import unwritable
from huberflow.pipeline.objects import sources
from huberflow.pipeline.objects.network import Network
from huberflow.pipeline.objects.process import Process
from huberflow.pipeline.objects.sources import ObjectsError, Source
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.source_hash import source_hashes

Choices = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Objects:
    """A user's modules, validated.

    Attributes:
      sources: the modules.
      description: what they define.
      warnings: what works, and may surprise.
    """

    sources: tuple[Source, ...]
    description: UserObjects
    warnings: tuple[str, ...]


def inspect(
    paths: Iterable[Path], cache: Path | None = None, network: Network | None = None
) -> Objects:
    """What the modules and packages at these paths offer.

    The process that finds out waits for ``check_choices``, which ends it.

    Args:
      paths: of Python files, or of folders with an ``__init__.py``.
      cache: a JSON file, which may not exist yet; what is remembered there is not tried again.
      network: the user's own; its module, where no path names it, offers nothing.

    Raises:
      ObjectsError: an object would break later, or a module cannot be imported.
    """
    found = tuple(sources.find(paths, network.path if network else None))
    answer = _remembered(found, {"choices": None}, cache)
    if mistakes := [*answer["refusals"], *_clashes(found, answer["objects"])]:
        Process.end()
        raise ObjectsError("\n".join(mistakes))
    built = None
    if network is not None:
        built = {"module": network.module, "function": network.function, "parts": answer["parts"]}
    description = UserObjects.from_json(
        {
            "sha256": sources.digest(found),
            "modules": {each.name: {"files": each.files, "sha256": each.sha256} for each in found},
            "objects": answer["objects"],
            "network": built,
        }
    )
    return Objects(found, description, tuple(answer["warnings"]))


def check_choices(
    objects: Objects,
    choices: Choices,
    task: Task,
    cache: Path | None = None,
    ends: Mapping[str, Any] | None = None,
) -> None:
    """Builds and tries each of the user's objects as a config names it, and the network.

    Args:
      objects: what ``inspect`` returned.
      choices: ``name`` and ``config`` by key, ``{"training.loss": {"name": ..., "config": ...}}``;
        those that are not the user's are passed over.
      task: that losses and metrics are to fit.
      cache: as of ``inspect``.
      ends: what the user's network is built for, see ``components.objects.network_trial``.

    Raises:
      ObjectsError: a constructor refuses its arguments, in its own words; a loss or a metric does
        not fit the task; or the network would break later.
    """
    fitting = {each.name: each.tasks for each in objects.description.objects}
    # Without arguments, for what it was found to fit, the object was tried already.
    asked = {
        key: {"name": choice["name"], "config": choice["config"], "task": task}
        for key, choice in choices.items()
        if choice["name"] in fitting and (choice["config"] or task not in fitting[choice["name"]])
    }
    built = objects.description.network
    network = {**asdict(built), **ends} if built and ends else None
    question = {"choices": asked, "network": network}
    try:
        tried = asked or network
        refusals = _remembered(objects.sources, question, cache)["refusals"] if tried else []
    finally:
        Process.end()
    if refusals:
        raise ObjectsError("\n".join(refusals))


def snapshot(objects: Objects, into: Path) -> Path:
    """A copy of the modules for ``user_objects.load``: ``into/<sha256[:16]>/my_losses.py``.

    Raises:
      ObjectsError: a file was changed since it was inspected.
    """
    return sources.write(objects.sources, into)


def _clashes(found: Iterable[Source], objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    files = {source.name: source.file for source in found}
    first: dict[str, str] = {}
    for each in objects:
        name, file = each["name"], files[each["module"].partition(".")[0]]
        taken = BUILT_IN.owner(name) or first.get(name)
        if taken is not None:
            yield (
                f"{file}: {name}: expected a name of its own, received one that {taken} has; "
                f"write another, such as My{name}"
            )
        first.setdefault(name, file)


def _remembered(
    found: tuple[Source, ...], question: Mapping[str, Any], cache: Path | None
) -> dict[str, Any]:
    """The process's answer, from the cache where it is there; what was refused is tried again."""
    if not found:
        return {"objects": [], "parts": [], "warnings": [], "refusals": []}
    key = _key(found, question)
    known = _read(cache)
    if key in known:
        return known[key]
    answer = Process.of(found).answer(question)
    if cache is not None and not answer["refusals"]:
        _write(cache, {**known, key: answer})
    return answer


def _write(cache: Path, known: Mapping[str, Any]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(cache) as temporary:
            temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    except OSError as error:
        Process.end()
        raise unwritable(cache.parent, error) from error


def _read(cache: Path | None) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
    except (OSError, ValueError):
        return {}  # written anew: it holds nothing that a trial does not give again
    return known if isinstance(known, dict) else {}


def _key(found: tuple[Source, ...], question: Mapping[str, Any]) -> str:
    about = {
        "sources": sources.digest(found),
        "offering": [source.name for source in found if source.offers],
        "question": question,
        "checks": source_hashes("huberflow.components.objects.__main__"),
        "versions": [platform.python_version()]
        + [metadata.version(name) for name in ("tensorflow", "tf-keras")],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
