"""A tiny Beam job that finds out, before a run, whether its workers have all that it needs."""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam

from huberflow.components.beam import worker_probe
from huberflow.custom_objects.catalogue import HUBERFLOW
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.beam.beam_target import BeamTarget, PreflightError
from huberflow.pipeline.config import Config
from huberflow.pipeline.objects import chosen_objects
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.source_hash import NODE_PACKAGES

ELEMENTS = 16
"""Enough that each of a few workers gets some; which worker gets which is the runner's affair."""


def check(target: BeamTarget, config: Config, objects: Mapping[str, Any] | None = None) -> float:
    """Imports and round-trips on the workers every custom object that a config names.

    Returns:
      The seconds that it took.

    Raises:
      PreflightError: an object did not arrive, or the job failed for another reason.
    """
    start = time.perf_counter()
    try:
        with target.worker_imports(), beam.Pipeline(argv=list(target.arguments)) as pipeline:
            add_job(pipeline, config, objects)
    except Exception as error:  # the runners raise what they like
        logging.getLogger(__name__).exception("the preflight failed")
        raise PreflightError(explanation(str(error)) or first_line(error)) from error
    return time.perf_counter() - start


def add_job(pipeline: beam.Pipeline, config: Config, description: UserObjects | None) -> None:
    """Adds to a pipeline what fails on a worker that lacks something."""
    modules = [*NODE_PACKAGES, *(description.modules if description else ())]
    _ = (
        pipeline
        | beam.Create(range(ELEMENTS))
        | beam.Reshuffle()
        | beam.Map(worker_probe.check, modules, list(_objects(config, description)))
    )


def explanation(said: str) -> str | None:
    """What a failed job said, as a line for the user; None where no module is to blame."""
    if worker_probe.MARK in said:
        place = said.index(worker_probe.MARK) + len(worker_probe.MARK)
        found, _ = json.JSONDecoder().raw_decode(said[place:])
        return _line(found["module"], f"on the worker {found['worker']}", found["reason"])
    if missing := re.search(r"No module named '([\w.]+)'", said):
        return _line(missing[1], "on a worker", missing[0])
    return None


def _line(module: str, where: str, reason: str) -> str:
    received = " ".join(reason.split())
    return (
        f"{module}: expected a module that works {where}, received {received}; ours and yours "
        "travel with the job to workers that start as huberflow-worker or from Beam's images, all "
        "else has to be installed there: see docs/scale.md"
    )


def _objects(config: Config, description: UserObjects | None) -> Iterator[Mapping[str, Any]]:
    """What the config names of ours and of the user's; tf_keras's own come with tf_keras."""
    known = {
        name: {"module": entry.module, "registered": f"custom_objects>{name}"}
        for name, entry in HUBERFLOW.items()
    }
    for each in description.objects if description else ():
        known[each.name] = {"module": each.module, "registered": each.registered}
    for _, choice in chosen_objects.choices(config):
        if choice.name in known:
            yield {**known[choice.name], "name": choice.name, "config": choice.config}
