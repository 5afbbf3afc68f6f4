"""A schema that the user curates, and the gate that it is.

No ``from __future__ import annotations``: TFX reads the annotations themselves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleAnomalies, Schema

from huberflow.components.contracts import artifact_files
from huberflow.components.validation import validation_findings


class MisfitError(ValueError):
    """The data do not fit the pinned schema.

    Args:
      found: anomalies, see ``findings.FILE``; as the attribute ``anomalies``, a line each.
    """

    def __init__(self, found: Sequence[Mapping[str, Any]]) -> None:
        columns = dict.fromkeys(anomaly["column"] or validation_findings.ALL for anomaly in found)
        super().__init__(f"the data do not fit the pinned schema: {', '.join(columns)}")
        self.anomalies = [validation_findings.anomaly_line(anomaly) for anomaly in found]


@component
def PinnedSchema(  # noqa: N802 (a component)
    schema: OutputArtifact[Schema], schema_file: Parameter[str], sha256: Parameter[str]
) -> None:
    """TFX's ImportSchemaGen, whose cache would not see that the file has changed.

    Raises:
      RuntimeError: the file is another than when the run was started.
    """
    content = Path(schema_file).read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(sha256):
        raise RuntimeError(f"{schema_file} was changed while the run was starting; run it again")
    (Path(schema.uri) / artifact_files.SCHEMA).write_bytes(content)


@component
def SchemaGate(anomalies: InputArtifact[ExampleAnomalies]) -> None:  # noqa: N802 (a component)
    """Ends the run where the data do not fit; what was found stays in the artifact.

    Raises:
      MisfitError: there are anomalies.
    """
    found = validation_findings.read(Path(anomalies.uri))["anomalies"]
    if found:
        raise MisfitError(found)
