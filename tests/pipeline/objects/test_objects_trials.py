"""What is known to be good passes the trials: ours, and what a config may name of tf_keras."""

import importlib
from pathlib import Path
from typing import get_args

import pytest

from huberflow.custom_objects import catalogue

GOOD = [
    (kind, name)
    for kind in get_args(catalogue.Kind)
    if kind != "optimizer"
    for name in catalogue.named(kind)
]


@pytest.mark.parametrize(("kind", "name"), GOOD)
def test_passes_as_it_is_and_as_its_config_gives_it_back(kind, name):
    from huberflow.components.objects import (  # collecting tests needs no TensorFlow
        round_trip,
        trials,
    )
    from huberflow.components.objects.discovery import Subject

    entry = catalogue.named(kind)[name]
    target = getattr(importlib.import_module(entry.module), name)
    subject = Subject(name, kind, target, f"{entry.module}: {name}", Path(), entry.tasks[0])
    made = trials.TRIALS[kind](subject, subject.make)
    if isinstance(target, type):
        defaults = round_trip.arguments(subject)
        if name not in catalogue.OURS:  # Keras's own have more, which no config may set
            defaults = {key: defaults[key] for key in entry.arguments}
        values = round_trip.varied(subject, defaults)
        restored = trials.TRIALS[kind](subject, round_trip.restorer(subject, defaults, values))
        assert [array.shape for array in restored] == [array.shape for array in made]
