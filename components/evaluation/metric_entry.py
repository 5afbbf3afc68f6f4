"""An entry of TFMA's EvalConfig for a custom metric, or for a custom loss."""

import difflib
import hashlib
import importlib
import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tf_keras
from tensorflow_model_analysis.proto import config_pb2

from huberflow.components.evaluation.custom_metric import CustomMetric
from huberflow.components.evaluation.summed_metric import (
    KerasMetric,
    SummedMetric,
    mean_of,
)
from huberflow.custom_objects.catalogue import BUILT_IN, HUBERFLOW
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

_LOG = logging.getLogger(__name__)

Target = type[tf_keras.metrics.Metric] | type[tf_keras.losses.Loss] | Callable[..., object]


def metric(
    metric: str | Target,
    /,
    *,
    name: str | None = None,
    imports: Sequence[str] = (),
    **arguments: JSON,
) -> config_pb2.MetricConfig:
    """A metric for ``tfma.EvalConfig``, which TFX's own Evaluator and TFMA compute.

    TFMA's workers import the metric by its module, and with it all that the model needs:
    huberflow's objects and ``imports``. States are added up in float64; a metric is NaN where it is
    undefined.

    Args:
      metric: a metric or a loss: one of huberflow or tf_keras by name, a user-defined one as
        ``"module.Class"`` or the class itself. A loss becomes its weighted mean.
      name: its key in TFMA's results; by default class and arguments, so that two thresholds have
        two keys: ``huber_metric_threshold_2.0``.
      imports: modules whose custom objects the model needs, beside the metric's own module.
      **arguments: the constructor's.

    Raises:
      InputError: there is no such metric or module, an argument is wrong, workers could not import
        the class, or its states must not be added up.

    Example::

        >>> import huberflow.tfma
        >>> huberflow.tfma.metric("HuberMetric", threshold=2.0).class_name
        'CustomMetric'

    In a config: ``MetricsSpec(metrics=[huberflow.tfma.metric("HuberMetric", threshold=2.0)])``.
    """
    target = _by_name(metric) if isinstance(metric, str) else _importable(metric)
    _check_arguments(target, arguments)
    described = _described(target, arguments)
    key = _default_key(target, arguments) if name is None else _legal(name)
    _try(key, described)
    modules = {entry.module for entry in HUBERFLOW.values()} | set(map(_module, imports))
    config = {"name": key, "metric": described, "imports": sorted({*modules, target.__module__})}
    return config_pb2.MetricConfig(
        class_name=CustomMetric.__name__,
        module=CustomMetric.__module__,
        config=json.dumps(config, sort_keys=True),
    )


def _described(target: Target, arguments: Mapping[str, JSON]) -> KerasMetric:
    """The metric; of a loss, its mean."""
    given = KerasMetric(module=target.__module__, name=target.__name__, arguments=arguments)
    return given if _is_metric(target) else mean_of(given)


def _by_name(name: str) -> Target:
    """The class or function of one of our names, or of ``module.Class``."""
    module, _, attribute = name.rpartition(".")
    if not module:
        entries = {**BUILT_IN.of_kind("loss"), **BUILT_IN.of_kind("metric")}
        if name not in entries:
            close = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
            raise InputError(
                "metric",
                expected=f"one of {', '.join(sorted(entries))}, or module.Class",
                received=repr(name),
                write=f'huberflow.tfma.metric("{close[0]}")' if close else None,
            )
        module, attribute = entries[name].module, name
    found = getattr(importlib.import_module(_module(module)), attribute, None)
    if found is None:
        raise InputError(
            "metric", expected=f"a class or function of {module}", received=repr(attribute)
        )
    return _importable(found)


def _module(name: str) -> str:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise InputError(
            name,
            expected="a module that can be imported here and on Beam's workers",
            received=str(error),
            hint="install it as a package, or add its folder to PYTHONPATH",
        ) from error
    return name


def _importable(target: Target) -> Target:
    is_class = inspect.isclass(target) and issubclass(
        target, tf_keras.metrics.Metric | tf_keras.losses.Loss
    )
    if not (is_class or inspect.isfunction(target)):
        raise InputError(
            "metric",
            expected="a class of tf_keras metrics or losses, or a function (y_true, y_pred)",
            received=repr(target),
            write='huberflow.tfma.metric("HuberMetric", threshold=2.0)',
        )
    module = importlib.import_module(target.__module__)
    if target.__module__ == "__main__" or getattr(module, target.__qualname__, None) is not target:
        raise InputError(
            "metric",
            expected="a class or function at the top of a module, which workers can import",
            received=f"{target.__module__}.{target.__qualname__}",
            write=f'huberflow.objects.write("my_metrics.py", {target.__name__})',
        )
    return target


def _is_metric(target: Target) -> bool:
    """Whether it is a metric; else it is a loss.

    Raises:
      InputError: it is a metric of something else than labels and predictions.
    """
    if not (inspect.isclass(target) and issubclass(target, tf_keras.metrics.Metric)):
        return False
    metric_class: type[tf_keras.metrics.Metric] = target
    _, *parameters = inspect.signature(metric_class.update_state).parameters
    if len(parameters) < 2 or parameters[1] == "sample_weight":
        raise InputError(
            "metric",
            expected="a metric with update_state(y_true, y_pred, sample_weight=None)",
            received=f"{target.__name__}.update_state({', '.join(parameters)})",
        )
    return True


def _check_arguments(target: Target, arguments: Mapping[str, JSON]) -> None:
    """Builds the object once."""
    known = inspect.signature(target).parameters if inspect.isclass(target) else {}
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known.values())
    for argument, value in arguments.items():
        if argument not in known and not takes_all:
            raise InputError(
                argument,
                expected=f"an argument of {target.__name__}: {', '.join(known) or 'none'}",
                received=repr(argument),
            )
        try:
            json.dumps(value)
        except TypeError as error:
            raise InputError(
                argument, expected="a number, a text, or another JSON value", received=repr(value)
            ) from error
    if inspect.isclass(target):
        try:
            target(**arguments)
        except InputError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(
                target.__name__,
                expected=f"the arguments of {target.__name__}{inspect.signature(target)}",
                received=f"{dict(arguments)}: {error}",
            ) from error


def _default_key(target: Target, arguments: Mapping[str, JSON]) -> str:
    """Class and arguments; with the defaults of a custom class, which its own name leaves out."""
    shown = dict(arguments)
    if inspect.isclass(target) and not target.__module__.startswith("tf_keras."):
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(target).parameters.items()
            if isinstance(parameter.default, bool | int | float)
        }
        made: tf_keras.metrics.Metric | tf_keras.losses.Loss = target(**arguments)
        config = made.get_config()
        shown = {name: config.get(name, value) for name, value in {**defaults, **shown}.items()}
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", target.__name__)
    return "_".join([words.lower(), *(f"{name}_{_text(shown[name])}" for name in shown)])


def _text(value: JSON) -> str:
    """A value in a key; another value has another text."""
    if isinstance(value, str) and re.fullmatch(r"(?!true|false|null)[A-Za-z_]\w*", value, re.ASCII):
        return value
    text = json.dumps(value)
    if value is None or isinstance(value, bool | int | float):
        return text.replace("+", "")
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _legal(name: str) -> str:
    if not re.fullmatch(r"[/\w.\- ]{1,200}", name):
        raise InputError(
            "name",
            expected="letters, digits, and _ - . / or blanks, which TFMA and MLflow both take",
            received=repr(name),
        )
    return name


def _try(key: str, described: KerasMetric) -> None:
    """Refuses a metric whose states are no sums, on such rows of several kinds as it takes."""
    for rows in _trial_rows():
        try:
            SummedMetric(key, described).update_state(*rows)
        except InputError:
            raise
        except Exception as error:  # rows of another kind; a worker checks the first ones it has
            _LOG.debug("%s takes no trial rows: %s", key, error)


def _trial_rows() -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers, two classes, three classes by index and one-hot: labels and predictions each."""
    random, count = np.random.default_rng(7), 7
    numbers = random.uniform(0.1, 0.9, (2, count, 1)).astype(np.float32)
    classes = np.arange(count)[:, np.newaxis] % 3
    probabilities = random.dirichlet([1.0] * 3, count).astype(np.float32)
    one_hot = np.eye(3, dtype=np.float32)[classes[:, 0]]
    return [
        (numbers[0], numbers[1]),
        ((classes % 2).astype(np.float32), numbers[1]),
        (classes, probabilities),
        (one_hot, probabilities),
    ]
