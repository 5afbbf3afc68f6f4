"""A schema that the user curates, and the gate that ends a run whose data do not fit it.

Without ``from __future__ import annotations``, because TFX reads the annotations.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleAnomalies, Schema

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.validation_findings import Anomaly, ValidationFindings
from huberflow.components.validation.shapes import without_shapes


class MisfitError(ValueError):
    """The data do not fit the pinned schema.

    Args:
      anomalies: all of them, one at least.
    """

    def __init__(self, anomalies: Sequence[Anomaly]) -> None:
        columns = dict.fromkeys(anomaly.column_name for anomaly in anomalies)
        super().__init__(f"the data do not fit the pinned schema: {', '.join(columns)}")
        self.anomalies = anomalies


@component
def PinnedSchema(  # noqa: N802 (a component)
    schema: OutputArtifact[Schema], schema_file: Parameter[str], sha256: Parameter[str]
) -> None:
    """TFX's ImportSchemaGen, with the file's hash so that TFX's cache sees when it changes.

    The schema has no shapes, see ``without_shapes``.

    Raises:
      RuntimeError: the file has changed since the run was started.
    """
    content = Path(schema_file).read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(sha256):
        raise RuntimeError(f"{schema_file} was changed while the run was starting; run it again")
    pinned = without_shapes(text_format.Parse(content.decode(), schema_pb2.Schema()))
    text = text_format.MessageToString(pinned)
    (Path(schema.uri) / artifact_files.SCHEMA).write_text(text, encoding="utf-8")


@component
def SchemaGate(anomalies: InputArtifact[ExampleAnomalies]) -> None:  # noqa: N802 (a component)
    """Ends the run where the data do not fit; the findings stay in the artifact.

    Raises:
      MisfitError: there are anomalies.
    """
    findings = ValidationFindings.read(Path(anomalies.uri) / artifact_files.FINDINGS)
    if findings.anomalies:
        raise MisfitError(findings.anomalies)
