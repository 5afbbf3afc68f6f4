"""Why a node ran again, or where its reused result comes from."""

from collections.abc import Iterable
from pathlib import Path

from huberflow.components.contracts import node_ids
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.history.metadata_store import FINISHED, Artifact, Execution, Records
from huberflow.pipeline.system.shortening import told_apart


def reason(records: Records, execution: Execution, *, cache: bool) -> str:
    """Why a finished node ran, or which run its result comes from, in one line.

    Args:
      records: the records of the workspace.
      execution: the node's execution in this run.
      cache: whether the run may reuse earlier results.
    """
    if execution.state in ("cached", "resolved"):
        return _origin(records, execution)
    earlier = records.before(execution)
    finished = [e for e in earlier if e.state in FINISHED]
    if not finished:
        return "its first run did not finish" if earlier else "first run"
    if not cache:
        return "the cache is off"
    changes = list(_changes(finished[0], execution))
    if changes:
        return "; ".join(changes)
    if earlier[0].state == "failed":
        return "its last run did not finish"
    return "its cached result was deleted"


_LOOKED_UP = {
    node_ids.BASELINE: ("model", "no other blessed model"),
    node_ids.EARLIER_DATA: ("statistics", "no other data"),
}
"""For huberflow's resolvers the output that they look up, and the line where there is none."""


def _origin(records: Records, execution: Execution) -> str:
    found = {key: artifacts[0] for key, artifacts in execution.outputs.items() if artifacts}
    if execution.state == "resolved":
        key, none = _LOOKED_UP.get(execution.node, (next(iter(found), ""), "nothing found"))
        return f"{key} of {_run_of(records, found[key])}" if key in found else none
    first = next(iter(found.values()), None)
    return f"as in {_run_of(records, first)}" if first else "as before"


def _run_of(records: Records, artifact: Artifact) -> str:
    producer = records.producer(artifact)
    return f"run {producer.run}" if producer else "an unknown run"


_OF_THE_DATA = {"input_fingerprint", "span", "version"}
"""Properties that TFX adds to an ExampleGen that ran; a cached one has none."""


def _changes(before: Execution, now: Execution) -> Iterable[str]:
    old, new = flatten(before.properties), flatten(now.properties)
    if _is_of_moved_workspace(old.get(_PUSHED_TO), new.get(_PUSHED_TO)):
        del old[_PUSHED_TO], new[_PUSHED_TO]
    code, config = [], []
    if any(old[key] != new[key] for key in _OF_THE_DATA if key in old and key in new):
        yield "new data"
    for key in sorted((old.keys() | new.keys()) - _OF_THE_DATA):
        if old.get(key) != new.get(key):
            path = key.removeprefix("custom_config.")
            if path.startswith("source."):
                code.append(path.removeprefix("source."))
            else:
                config.append(f"{path}: {_change(old.get(key), new.get(key))}")
    if config:
        yield _listed("config", config)
    if code:
        yield _listed("code", code)
    inputs = [key for key in sorted(now.inputs) if _ids(before, key) != _ids(now, key)]
    gone = [key for key in sorted(before.inputs) if key not in now.inputs]
    if inputs or gone:
        yield _listed("new input", [key.replace("_", " ") for key in inputs + gone])


_PUSHED_TO = "push_destination.filesystem.base_directory"


def _is_of_moved_workspace(old: JSON, new: JSON) -> bool:
    """Whether both are ``serving/<name>`` of a workspace, which is no change of the config."""
    if not (isinstance(old, str) and isinstance(new, str)):
        return False
    before, now = Path(old), Path(new)
    return before.parent.name == "serving" and before.parts[-2:] == now.parts[-2:]


def _ids(execution: Execution, key: str) -> list[int]:
    return sorted(artifact.id for artifact in execution.inputs.get(key, ()))


def _listed(what: str, items: list[str], most: int = 2) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return f"{what}: {', '.join(items[:most])}{more}"


def _change(before: JSON, now: JSON) -> str:
    old, new = str(before), str(now)
    short = told_apart([old, new], 40)
    return f"{short[old]} -> {short[new]}"
