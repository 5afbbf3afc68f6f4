"""What an evaluation found, as plain JSON: metrics by slice, and why a model did not pass."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma

from huberflow.components.contracts.target import Target, of_label
from huberflow.components.evaluation import measurement
from huberflow.components.evaluation.measurement import BASELINE, CANDIDATE

REPORT = "report.json"
"""Beside TFMA's files in the evaluation artifact: what ``report`` says, and ``set_aside``: why the
last blessed model was not held beside this one, or null."""


def report(uri: str, evaluation: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """What TFMA found, as plain JSON.

    A metric that is not defined over the rows of a slice is NaN there; it meets no bound.

    Returns:
      ``metrics`` (keys in order; those of several labels together, then label by label as
      ``<key>_<label>``), ``blessed``, ``reasons`` (sentences, empty when blessed) and
      ``slices``: for each its ``slice`` (column to value, empty for all rows) and the
      ``candidate``'s and ``baseline``'s values by metric; ``baseline`` is null where there is none.

    Raises:
      RuntimeError: a metric that was asked for is not in the result.
    """
    keys = [metric["key"] for metric in evaluation["metrics"]]
    metrics = [*target.always, *keys]
    metrics += [of_label(key, label) for label in target.parts for key in keys]
    slices = sorted(
        (_slice(found, metrics) for found in tfma.load_metrics(uri)),
        key=lambda row: sorted(map(str, row["slice"].items())),
    )
    validation = tfma.load_validation_result(uri)
    _refuse_missing(metrics, slices)
    undefined = list(dict.fromkeys(_undefined(evaluation["gate"], slices)))
    first = _is_first(evaluation, slices)
    return {
        "metrics": metrics,
        "blessed": (bool(validation.validation_ok) or first) and not undefined,
        "reasons": [*undefined, *([] if first else _reasons(validation, slices))],
        "slices": slices,
    }


def _undefined(
    gate: Iterable[Mapping[str, Any]], slices: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What the gate names and has no value; TFMA would pass it where nothing is compared."""
    for bound in gate:
        # As TFMA does, "7" names a whole number, too.
        key = {column: str(value) for column, value in (bound["slice"] or {}).items()}
        for row in slices:
            same = {column: str(value) for column, value in row["slice"].items()} == key
            if same and math.isnan(row[CANDIDATE][bound["metric"]]):
                where = describe_slice(row["slice"])
                yield f"{bound['metric']} of {where} is undefined, and so within no bound"


def _is_first(evaluation: Mapping[str, Any], slices: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the gate does nothing but compare, and there is nothing yet to compare with.

    TFMA then finds no threshold, and says no.
    """
    compares = all(
        gate["lower_bound"] is None and gate["upper_bound"] is None for gate in evaluation["gate"]
    )
    return compares and all(row[BASELINE] is None for row in slices)


def _slice(found: Any, metrics: Sequence[str]) -> dict[str, Any]:
    values: dict[str, dict[str, float]] = {CANDIDATE: {}, BASELINE: {}}
    for pair in found.metric_keys_and_values:
        model = pair.key.model_name or CANDIDATE
        name = measurement.name_of(pair.key)
        if name in metrics and not pair.key.is_diff:
            values[model][name] = pair.value.double_value.value
    return {
        "slice": _slice_key(found.slice_key),
        CANDIDATE: values[CANDIDATE],
        BASELINE: values[BASELINE] or None,
    }


def _slice_key(key: Any) -> dict[str, Any]:
    return {part.column: _value(part) for part in key.single_slice_keys}


def _value(part: Any) -> Any:
    value = getattr(part, part.WhichOneof("kind"))
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _refuse_missing(metrics: Iterable[str], slices: Iterable[Mapping[str, Any]]) -> None:
    nothing: Mapping[str, Any] = {CANDIDATE: {}, BASELINE: None}
    overall = next((row for row in slices if not row["slice"]), nothing)
    for model in (CANDIDATE, BASELINE):
        if overall[model] is not None:
            missing = [name for name in metrics if name not in overall[model]]
            if missing:
                raise RuntimeError(
                    f"the Evaluator computed no {', '.join(missing)} for the {model} model: "
                    "expected every metric of evaluation.metrics in the result; see the log for "
                    "what TFMA said of it"
                )


def _reasons(validation: Any, slices: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for row in slices:
        for found in validation.metric_validations_per_slice:
            if _slice_key(found.slice_key) == row["slice"]:
                yield from (
                    _failure(failure, row)
                    for failure in found.failures
                    if not math.isnan(failure.metric_value.double_value.value)
                )
    for spec in validation.missing_slices:
        yield f"no row of {describe_slice(dict(spec.feature_values))}, which the gate names"
    if validation.missing_thresholds:
        yield "no metric of the gate was computed"


def _failure(failure: Any, row: Mapping[str, Any]) -> str:
    name = measurement.name_of(failure.metric_key)
    where, value = describe_slice(row["slice"]), row[CANDIDATE][name]
    threshold = failure.metric_threshold
    if threshold.HasField("change_threshold"):
        allowed = threshold.change_threshold.relative.value
        before = row[BASELINE][name]
        if not before or math.isnan(before):
            what = "undefined" if before else "0"
            return f"{name} of {where} is {value:.4g}, and the baseline's is {what}"
        return (
            f"{name} of {where} is {value:.4g}, {value / before - 1:+.1%} against the baseline's "
            f"{before:.4g}; the gate allows {allowed:+.1%}"
        )
    bounds = threshold.value_threshold
    if bounds.HasField("upper_bound") and not value <= bounds.upper_bound.value:
        return (
            f"{name} of {where} is {value:.4g}, above the upper bound {bounds.upper_bound.value:g}"
        )
    return f"{name} of {where} is {value:.4g}, below the lower bound {bounds.lower_bound.value:g}"


def describe_slice(key: Mapping[str, Any]) -> str:
    """``all rows``, or ``payment_type=Cash, trip_start_hour=7``."""
    return ", ".join(f"{column}={value}" for column, value in key.items()) or "all rows"
