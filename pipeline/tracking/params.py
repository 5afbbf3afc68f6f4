"""A node's config as parameters: flat, as text, within what a tracking server takes."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.system.masking import masked

LONGEST_KEY, LONGEST_VALUE = 250, 6000
"""MLflow's limits; it cuts a longer value in silence."""


_FOUND = ("input_fingerprint", "span", "version")
"""What TFX adds to an ExampleGen that ran: what it found, no config; a cached one has none."""


def of_run(run: Run) -> dict[str, str]:
    """Every node's parameters as ``<Node>.<path>``, cached nodes included, and Beam's."""
    return of_beam(run) | {
        shortened(f"{name}.{key}"): value
        for name, node in run.nodes.items()
        for key, value in of_node(node).items()
    }


def of_beam(run: Run) -> dict[str, str]:
    """Where the run's rows were processed: ``beam.runner`` and the options, secrets masked."""
    told = masked({"beam": run.config.get("beam", {})})
    return {shortened(key): _value(value) for key, value in flatten(told).items()}


def of_node(node: Node) -> dict[str, str]:
    """A finished node's resolved config: dotted path to text, secrets masked.

    A value that is too long is given by its hash; the whole stands in the node's JSON artifact.
    """
    properties = masked(node.execution.properties) if node.execution else {}
    flat = {key: value for key, value in flatten(properties).items() if key not in _FOUND}
    return {
        shortened(key.removeprefix("custom_config.")): _value(value) for key, value in flat.items()
    }


@lru_cache(4096)
def shortened(key: str) -> str:
    """A key that MLflow takes; a hash keeps apart what would otherwise become the same."""
    clean = re.sub(r"[^/\w.\- :]", "_", key)
    if clean == key and len(key) <= LONGEST_KEY:
        return key
    return f"{clean[: LONGEST_KEY - 9]}-{_digest(key)[:8]}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"sha256:{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def source_fingerprint(run: Run) -> str:
    """One hash over all code that the run's nodes ran; the same code gives the same."""
    hashes: dict[str, Mapping[str, str]] = {
        name: node.execution.properties.get("custom_config", {}).get("source", {})
        for name, node in run.nodes.items()
        if node.execution
    }
    return _digest(json.dumps(hashes, sort_keys=True))[:16]
