"""Widens a schema so that the data of a run fit it."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.validation_findings import Shift, ValidationFindings
from huberflow.components.validation.anomalies import column_name
from huberflow.components.validation.drift import SPLITS, load_statistics
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.schema.schema_file import WRITE_FIRST, read_schema, write_schema

_AnomalyType = anomalies_pb2.AnomalyInfo

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
Named: TypeAlias = schema_pb2.Feature | schema_pb2.StringDomain


def write_first_schema(run: Run, path: Path) -> None:
    """Writes a schema that fits both the train rows of a run, from which it is inferred, and eval.

    Raises:
      InputError: the file exists, or the run has no schema.
    """
    inferred = run.artifact("schema")
    if path.exists():
        raise InputError(
            "FILE",
            expected="a new file",
            received=f"{path}, which exists",
            hint="choose another name, or widen the pinned schema",
            write="huberflow schema accept",
        )
    if inferred is None:
        raise _without_statistics(run)
    write_schema(widened_schema(read_schema(inferred.uri / artifact_files.SCHEMA), run), path)


def accept_data(run: Run, columns: Collection[str]) -> tuple[Path, dict[str, list[str]]]:
    """Changes the schema file that a run has pinned, so that the data of the run fit.

    Args:
      run: with a pinned schema; it may have failed for it.
      columns: to change; none: all that do not fit.

    Returns:
      The file, and for each changed column the removed lines (``-``) and the added ones (``+``).

    Raises:
      InputError: the run has pinned none, or a column fits already; see ``widened_schema``.
    """
    node = run.nodes.get(node_ids.SCHEMA_GEN)
    pinned = node.execution.properties.get("schema_file") if node and node.execution else None
    if pinned is None:
        raise InputError(
            "RUN", expected="a run with a pinned schema", received=run.id, write=WRITE_FIRST
        )
    path = Path(str(pinned))
    before = read_schema(path)
    after = widened_schema(before, run)
    if columns:
        after = _with_columns(columns, before, after)
    changes = _changes(before, after)
    if changes:
        write_schema(after, path)
    return path, changes


def widened_schema(schema: schema_pb2.Schema, run: Run) -> schema_pb2.Schema:
    """The schema that is nearest to this one, and that the data of a run fit.

    A missing column is removed, a column of another type is inferred again; TFDV widens the rest:
    domains, presence, number of values. A threshold of drift or skew is raised to the measured
    value.

    Args:
      schema: not changed.
      run: with statistics and findings.

    Raises:
      InputError: the run has no statistics, or an anomaly that no schema can allow.
    """
    statistics = _statistics(run)
    wider = _without_misfits(schema, statistics)
    for split in statistics:
        wider = tfdv.update_schema(wider, split)
    findings = run.findings() or ValidationFindings()
    _raise_thresholds(wider, findings.shifts)
    left = [column for split in statistics for column in _anomaly_types(split, wider)]
    left += [anomaly.column_name for anomaly in findings.anomalies if anomaly.column is None]
    if left:
        raise InputError(
            "RUN",
            expected="anomalies that a schema can allow",
            received=f"others in {', '.join(dict.fromkeys(left))}",
            hint="edit the schema by hand",
        )
    return wider


def _with_columns(
    columns: Collection[str], schema: schema_pb2.Schema, wider: schema_pb2.Schema
) -> schema_pb2.Schema:
    """The schema, with these columns from the wider one."""
    changed = list(_changes(schema, wider))
    for column in columns:
        if column not in changed:
            raise InputError(
                "--column",
                expected=f"a column that does not fit ({', '.join(changed) or 'all fit'})",
                received=repr(column),
                hint="leave the option out to accept all columns",
            )
    domains = {feature.domain for feature in wider.feature if feature.name in columns}
    return _with(
        schema,
        _merged(columns, schema.feature, wider.feature),
        _merged(domains, schema.string_domain, wider.string_domain),
    )


def _changes(before: schema_pb2.Schema, after: schema_pb2.Schema) -> dict[str, list[str]]:
    """For each column that differs, the removed lines (``-``) and the added ones (``+``)."""
    changes = {}
    for column in {**_by_name(before.feature), **_by_name(after.feature)}:
        lines = difflib.ndiff(_lines(before, column), _lines(after, column))
        differing = [line for line in lines if line[0] in "+-"]
        if differing:
            changes[column] = differing
    return changes


def _statistics(run: Run) -> list[Statistics]:
    """The statistics of train and eval rows."""
    artifact = run.artifact("statistics")
    if artifact is None or not artifact.uri.is_dir():
        raise _without_statistics(run)
    return [load_statistics(artifact.uri, split) for split in SPLITS]


def _without_statistics(run: Run) -> InputError:
    return InputError(
        "RUN", expected="a run with statistics of its data", received=run.id, write="huberflow run"
    )


def _anomaly_types(statistics: Statistics, schema: schema_pb2.Schema) -> dict[str, set[int]]:
    """The types of each column's anomalies."""
    anomalies = tfdv.validate_statistics(statistics, schema)
    return {
        column_name(info): {reason.type for reason in info.reason}
        for info in anomalies.anomaly_info.values()
    }


def _without_misfits(
    schema: schema_pb2.Schema, statistics: Sequence[Statistics]
) -> schema_pb2.Schema:
    """The schema without missing and retyped columns, which TFDV would mark as deprecated."""
    by_split = [_anomaly_types(split, schema) for split in statistics]
    kept = []
    for feature in schema.feature:
        types = [anomalies.get(feature.name, set()) for anomalies in by_split]
        missing = [_AnomalyType.SCHEMA_MISSING_COLUMN in each for each in types]
        if all(missing) or any(_AnomalyType.UNEXPECTED_DATA_TYPE in each for each in types):
            continue
        kept.append(schema_pb2.Feature.FromString(feature.SerializeToString()))
        if any(missing):
            kept[-1].ClearField("presence")
    unused = {f.domain for f in schema.feature} - {f.domain for f in kept}
    return _with(schema, kept, [each for each in schema.string_domain if each.name not in unused])


def _raise_thresholds(schema: schema_pb2.Schema, shifts: Iterable[Shift]) -> None:
    """Raises the thresholds of the schema's comparators to the measured values."""
    features = _by_name(schema.feature)
    for shift in shifts:
        feature, comparator = features.get(shift.column), f"{shift.kind}_comparator"
        if feature and feature.HasField(comparator) and shift.value > shift.threshold:
            getattr(getattr(feature, comparator), shift.measure).threshold = shift.value


def _by_name(messages: Iterable[Named]) -> dict[str, Named]:
    return {message.name: message for message in messages}


def _merged(names: Collection[str], before: Iterable[Named], after: Iterable[Named]) -> list[Named]:
    """The messages before, but those of these names as they are after."""
    old, new = _by_name(before), _by_name(after)
    each = [(new if name in names else old).get(name) for name in {**old, **new}]
    return [message for message in each if message is not None]


def _with(
    schema: schema_pb2.Schema,
    features: Iterable[schema_pb2.Feature],
    domains: Iterable[schema_pb2.StringDomain],
) -> schema_pb2.Schema:
    """The schema with other features and domains."""
    copy = schema_pb2.Schema.FromString(schema.SerializeToString())
    copy.ClearField("feature")
    copy.feature.extend(features)
    copy.ClearField("string_domain")
    copy.string_domain.extend(domains)
    return copy


def _lines(schema: schema_pb2.Schema, column: str) -> list[str]:
    """A column's feature and domain as text."""
    feature = _by_name(schema.feature).get(column)
    if feature is None:
        return []
    domain = _by_name(schema.string_domain).get(feature.domain)
    return "".join(map(text_format.MessageToString, filter(None, (feature, domain)))).splitlines()
