"""A tiny Beam job before a run: checks that the workers can import and build all that it needs."""

import logging
import re
import time
from collections.abc import Iterator, Mapping

import apache_beam as beam

from huberflow.components.beam.worker_probe import ProbedObject, ProbeFailure, probe_worker
from huberflow.custom_objects.catalogue import HUBERFLOW
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.beam.beam_target import BeamTarget, PreflightError
from huberflow.pipeline.config import Config
from huberflow.pipeline.objects import config_objects
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.source_hash import NODE_PACKAGES

ELEMENTS = 16
"""Enough elements for each of a few workers to get some, however the runner distributes them."""


def check_workers(target: BeamTarget, config: Config, objects: UserObjects | None) -> float:
    """Imports and round-trips on the workers every object that a config names; the seconds taken.

    Raises:
      PreflightError: a module or object does not work there, or the job failed otherwise.
    """
    start = time.perf_counter()
    try:
        with target.worker_imports(), beam.Pipeline(argv=list(target.arguments)) as pipeline:
            add_job(pipeline, config, objects)
    except Exception as error:  # each runner has error classes of its own
        logging.getLogger(__name__).exception("the preflight failed")
        raise PreflightError(str(explanation(str(error)) or first_line(error))) from error
    return time.perf_counter() - start


def add_job(pipeline: beam.Pipeline, config: Config, objects: UserObjects | None) -> None:
    """Adds to a pipeline steps that fail on a worker that lacks a module or an object."""
    modules = [*NODE_PACKAGES, *(objects.modules if objects else ())]
    _ = (
        pipeline
        | beam.Create(range(ELEMENTS))
        | beam.Reshuffle()
        | beam.Map(probe_worker, modules, list(_probed(config, objects)))
    )


def explanation(message: str) -> InputError | None:
    """Which module is missing or broken, from the message of a failed job; None if none is."""
    if failure := ProbeFailure.from_message(message):
        return _broken_module(failure.module, f"the worker {failure.worker}", failure.reason)
    if missing := re.search(r"No module named '([\w.]+)'", message):
        return _broken_module(missing[1], "the workers", missing[0])
    return None


def _broken_module(module: str, where: str, reason: str) -> InputError:
    return InputError(
        module,
        expected=f"a module that works on {where}",
        received=" ".join(reason.split()),
        hint="huberflow's and your modules are sent with the job to workers that start as "
        "huberflow-worker or from Beam's images; install all others there, see docs/scale.md",
    )


def _probed(config: Config, objects: UserObjects | None) -> Iterator[ProbedObject]:
    """The built-in and user-defined objects that the config names; tf_keras has its own."""
    places = {name: (entry.module, f"custom_objects>{name}") for name, entry in HUBERFLOW.items()}
    for each in objects.objects if objects else ():
        places[each.name] = (each.module, each.registered)
    for _, choice in config_objects.choices(config):
        if choice.name in places:
            module, registered = places[choice.name]
            # What an argument holds, such as a schedule, is probed by itself.
            plain = {k: v for k, v in choice.config.items() if not isinstance(v, Mapping)}
            yield ProbedObject(module, choice.name, registered, plain)
