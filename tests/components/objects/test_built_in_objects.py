"""Objects that are known to be good pass the checks: those of huberflow and of tf_keras."""

import importlib
from pathlib import Path
from typing import get_args

import pytest

from huberflow.custom_objects.catalogue import BUILT_IN, HUBERFLOW, ObjectKind


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in get_args(ObjectKind)
        if kind not in ("optimizer", "schedule")
        for name in BUILT_IN.of_kind(kind)
    ],
)
def test_passes_with_its_defaults_and_with_other_values(kind, name):
    from huberflow.components.objects import checks, round_trip  # collecting needs no TensorFlow
    from huberflow.components.objects.discovery import Candidate

    entry = BUILT_IN.of_kind(kind)[name]
    target = getattr(importlib.import_module(entry.module), name)
    candidate = Candidate(name, kind, target, name, Path(), entry.tasks[0])
    checks.check(candidate)
    if name in HUBERFLOW and isinstance(target, type):
        other = round_trip.with_other_values(candidate)
        round_trip.check(other, other.make())
        checks.check(other)
