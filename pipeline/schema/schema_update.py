"""Widens a schema to what the data of a run turned out to be."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.validation import validation_findings
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.schema import schema_file
from huberflow.pipeline.schema.schema_file import SchemaError

_Reason = anomalies_pb2.AnomalyInfo


def write_first(run: Run, path: Path) -> None:
    """Writes a schema that all data of a run fit: train rows, which it was inferred from, and eval.

    Raises:
      SchemaError: the file is there, or the run has no schema.
    """
    inferred = run.artifact(node_ids.SCHEMA_GEN, "schema")
    if path.exists():
        raise SchemaError(
            f"expected a new file, received {path}, which is there; write another name, or, to "
            "widen the one that is pinned: huberflow schema accept"
        )
    if inferred is None:
        raise _without_statistics(run)
    schema_file.write(widened(schema_file.read(inferred.uri / artifact_files.SCHEMA), run), path)


def accept(run: Run, columns: Sequence[str]) -> tuple[Path, dict[str, list[str]]]:
    """Changes the file that a run has pinned, so that the data of the run fit.

    Args:
      run: with a pinned schema; it may have failed for it.
      columns: to be changed; none: all that do not fit.

    Returns:
      The file, and its ``changes``.

    Raises:
      SchemaError: the run has pinned none, or a column fits already; see ``widened``.
    """
    node = run.nodes.get(node_ids.SCHEMA_GEN)
    pinned = node.execution.properties.get("schema_file") if node and node.execution else None
    if pinned is None:
        raise SchemaError(
            f"expected a run with a pinned schema, received {run.id}; write a first one with: "
            "huberflow schema write schema.pbtxt"
        )
    path = Path(pinned)
    before = schema_file.read(path)
    after = widened(before, run)
    if columns:
        after = only(columns, before, after)
    differing = changes(before, after)
    if differing:
        schema_file.write(after, path)
    return path, differing


def widened(schema: Any, run: Run) -> Any:
    """The schema that the data of a run fit, as near to this one as can be.

    A column that is gone is taken out, one of another type is described anew; TFDV widens the
    rest: domains, presence, number of values. A threshold of drift or skew is raised to what was
    measured.

    Args:
      schema: stays as it is.
      run: has looked at its data.

    Raises:
      SchemaError: the run has no statistics, or an anomaly that no schema can allow.
    """
    statistics = _statistics(run)
    wider = _without_misfits(schema, statistics)
    for split in statistics:
        wider = tfdv.update_schema(wider, split)
    found = run.findings() or {"anomalies": [], "shifts": []}
    _raise_thresholds(wider, found["shifts"])
    left = [column for split in statistics for column in _anomalies(split, wider)]
    left += [validation_findings.ALL for anomaly in found["anomalies"] if anomaly["column"] is None]
    if left:
        raise SchemaError(
            "expected anomalies that a schema can allow, received others in "
            f"{', '.join(dict.fromkeys(left))}; write into the schema what they may be"
        )
    return wider


def only(columns: Sequence[str], schema: Any, wider: Any) -> Any:
    """The schema, with these columns as in the wider one.

    Raises:
      SchemaError: a column is the same in both.
    """
    changed = list(changes(schema, wider))
    for column in columns:
        if column not in changed:
            raise SchemaError(
                f"--column: expected one that does not fit ({', '.join(changed) or 'all fit'}), "
                f"received {column!r}; without it, all are accepted"
            )
    domains = {feature.domain for feature in wider.feature if feature.name in columns}
    return _with(
        schema,
        _chosen(columns, schema.feature, wider.feature),
        _chosen(domains, schema.string_domain, wider.string_domain),
    )


def changes(before: Any, after: Any) -> dict[str, list[str]]:
    """For each column that is not the same, the lines that went (``-``) and came (``+``)."""
    found = {}
    for column in {**_named(before.feature), **_named(after.feature)}:
        lines = difflib.ndiff(_lines(before, column), _lines(after, column))
        differing = [line for line in lines if line[0] in "+-"]
        if differing:
            found[column] = differing
    return found


def _statistics(run: Run) -> list[Any]:
    """Of train and eval rows."""
    artifact = run.artifact(node_ids.STATISTICS_GEN, "statistics")
    if artifact is None or not artifact.uri.is_dir():
        raise _without_statistics(run)
    folders = [artifact.uri / artifact_files.split_folder(name) for name in ("train", "eval")]
    return [tfdv.load_stats_binary(str(folder / artifact_files.STATISTICS)) for folder in folders]


def _without_statistics(run: Run) -> SchemaError:
    return SchemaError(
        f"expected a run that has looked at its data, received {run.id}; write: huberflow run"
    )


def _anomalies(statistics: Any, schema: Any) -> dict[str, set[int]]:
    """The types of each column's anomalies."""
    found = tfdv.validate_statistics(statistics, schema)
    return {
        ".".join(info.path.step): {reason.type for reason in info.reason}
        for info in found.anomaly_info.values()
    }


def _without_misfits(schema: Any, statistics: Sequence[Any]) -> Any:
    """TFDV would mark what it cannot widen as deprecated, and never look at it again."""
    found = [_anomalies(split, schema) for split in statistics]
    kept = []
    for feature in schema.feature:
        types = [anomalies.get(feature.name, set()) for anomalies in found]
        missing = [_Reason.SCHEMA_MISSING_COLUMN in each for each in types]
        if all(missing) or any(_Reason.UNEXPECTED_DATA_TYPE in each for each in types):
            continue
        kept.append(schema_pb2.Feature.FromString(feature.SerializeToString()))
        if any(missing):
            kept[-1].ClearField("presence")
    gone = {f.domain for f in schema.feature} - {f.domain for f in kept}
    return _with(schema, kept, [each for each in schema.string_domain if each.name not in gone])


def _raise_thresholds(schema: Any, shifts: Iterable[Mapping[str, Any]]) -> None:
    """Of comparators that the schema has itself."""
    features = _named(schema.feature)
    for shift in shifts:
        feature, own = features.get(shift["column"]), f"{shift['kind']}_comparator"
        if feature and feature.HasField(own) and shift["value"] > shift["threshold"]:
            getattr(getattr(feature, own), shift["measure"]).threshold = shift["value"]


def _named(messages: Iterable[Any]) -> dict[str, Any]:
    return {message.name: message for message in messages}


def _chosen(names: Iterable[str], before: Iterable[Any], after: Iterable[Any]) -> list[Any]:
    """Those of these names as they are after, all others as before."""
    old, new = _named(before), _named(after)
    each = [(new if name in names else old).get(name) for name in {**old, **new}]
    return [message for message in each if message is not None]


def _with(schema: Any, features: Iterable[Any], domains: Iterable[Any]) -> Any:
    made = schema_pb2.Schema.FromString(schema.SerializeToString())
    made.ClearField("feature")
    made.feature.extend(features)
    made.ClearField("string_domain")
    made.string_domain.extend(domains)
    return made


def _lines(schema: Any, column: str) -> list[str]:
    """A column's feature and domain as text."""
    feature = _named(schema.feature).get(column)
    if feature is None:
        return []
    domain = _named(schema.string_domain).get(feature.domain)
    return "".join(map(text_format.MessageToString, filter(None, (feature, domain)))).splitlines()
