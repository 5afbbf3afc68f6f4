"""The configs of nodes as parameters: dotted keys and text, within MLflow's limits."""

import hashlib
import json
import re
from functools import lru_cache

from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.system.masking import masked

LONGEST_KEY, LONGEST_VALUE = 250, 6000
"""MLflow's limits; it cuts a longer value in silence."""

_NOT_CONFIG = ("input_fingerprint", "span", "version")
"""Properties that TFX adds to an ExampleGen that ran; a cached one has none."""


def of_run(run: Run) -> dict[str, str]:
    """The parameters of Beam, and of every node, cached or not, as ``<Node>.<key>``."""
    parameters = of_beam(run)
    for node in run.nodes.values():
        parameters |= of_node(node, f"{node.name}.")
    return parameters


def of_beam(run: Run) -> dict[str, str]:
    """The parameters ``beam.…``: where the rows were processed, with secrets masked."""
    beam = masked({"beam": run.config.get("beam", {})})
    return {shortened(key): _as_text(value) for key, value in flatten(beam).items()}


def of_node(node: Node, prefix: str = "") -> dict[str, str]:
    """The config of a finished node by dotted key, with secrets masked.

    A hash stands for a value that is too long; the node's JSON artifact has all of it.
    """
    properties = masked(node.execution.properties) if node.execution else {}
    return {
        shortened(prefix + key.removeprefix("custom_config.")): _as_text(value)
        for key, value in flatten(properties).items()
        if key not in _NOT_CONFIG
    }


@lru_cache(4096)
def shortened(key: str) -> str:
    """A key that MLflow accepts; a hash keeps two keys distinct that would become equal.

    MLflow takes a few signs, and no path that is another one in short, such as ``a/../b``.
    """
    clean = re.sub(r"[^/\w.\- :]", "_", key)
    clean = "/".join(part if part.strip(".") else "_" for part in clean.split("/"))
    clean = re.sub(r"^\.\.", "__", clean)
    if clean == key and len(key) <= LONGEST_KEY:
        return key
    return f"{clean[: LONGEST_KEY - 9]}-{_digest(key)[:8]}"


def _as_text(value: JSON) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"sha256:{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def source_fingerprint(run: Run) -> str:
    """One hash of all code that the run's nodes ran."""
    hashes = {
        name: node.execution.custom_config.get("source", {})
        for name, node in run.nodes.items()
        if node.execution
    }
    return _digest(json.dumps(hashes, sort_keys=True))[:16]
