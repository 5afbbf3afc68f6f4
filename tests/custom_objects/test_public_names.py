"""What `huberflow` itself exports: the list, an example of each, and the time that it takes."""

import doctest
import operator
import re
import statistics
import subprocess
import sys

import pytest

import huberflow
from huberflow import custom_objects

OBJECTS = [
    "AUC",
    "AbsoluteErrorQuantile",
    "ActivityRegularizationLayer",
    "BalancedAccuracy",
    "CustomMSE",
    "F1Score",
    "GlorotNormalInitializer",
    "HuberLoss",
    "HuberMetric",
    "L1Regularizer",
    "MetricLoggingLayer",
    "PositiveWeights",
    "R2Score",
    "create_huber",
    "huber_fn",
    "softplus",
]

BUNDLES = ["check", "check_signature", "load", "predictor", "save_bundle", "sign"]

NAMES = [*OBJECTS, *BUNDLES, "MlflowDagRunner"]

MODULES = ["callbacks", "components", "keras", "mlflow", "objects", "tfma"]

INSIDE = [
    "callbacks.Progress",
    "callbacks.SaveBundle",
    "components.ExampleGen",
    "components.Pusher",
    "components.Transform",
    "mlflow.load_model",
    "mlflow.save_model",
    "tfma.metric",
]
"""Names in these modules."""


def test_the_list():
    assert huberflow.__all__ == sorted([*NAMES, *MODULES])
    assert set(NAMES) <= set(dir(huberflow))
    assert set(OBJECTS) <= set(custom_objects.__all__)
    with pytest.raises(AttributeError, match="no attribute 'HubreLoss'"):
        _ = huberflow.HubreLoss


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_there_without_an_import_of_its_own(name):
    program = f"import huberflow; print(huberflow.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == f"huberflow.{name}\n", done.stderr


@pytest.mark.parametrize("name", [*NAMES, *INSIDE])
def test_each_has_a_docstring_with_an_example_that_runs(name):
    docstring = operator.attrgetter(name)(huberflow).__doc__
    example = doctest.DocTestParser().get_doctest(docstring, {}, name, None, None)
    last = name.rpartition(".")[2]
    assert any(last in line.source for line in example.examples), f"no example of {name}"
    printed = []
    doctest.DocTestRunner().run(example, out=printed.append)
    assert not printed, "".join(printed)


def test_the_import_takes_less_than_50_ms():
    taken = []
    for _ in range(7):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import huberflow"],
            capture_output=True,
            text=True,
            check=True,
        )
        taken.append(int(re.search(r"\| +(\d+) \| huberflow$", done.stderr, re.M)[1]))
    assert statistics.median(taken) < 50_000, f"in microseconds: {taken}"
    assert "tensorflow" not in done.stderr
