"""What TFX's own Evaluator and ExampleValidator found, read from the files that they wrote."""

from functools import lru_cache
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.components.validation.anomalies import describe_anomalies
from huberflow.pipeline.history.metadata_store import Artifact, Execution

_EVAL_CONFIG, _ANOMALIES = "eval_config.json", "SchemaDiff.pb"
"""In an evaluation, and in each split of anomalies; TFX's names."""


def read_report(evaluation: Artifact | None, blessing: Artifact | None) -> EvaluationReport | None:
    """The report on an Evaluator's outputs; None where its files are gone. Imports TFMA."""
    if evaluation is None or not (evaluation.uri / _EVAL_CONFIG).is_file():
        return None
    blessed = None if blessing is None else blessing.properties.get("blessed") == 1
    return _tfma_report(evaluation.uri, blessed)


@lru_cache
def _tfma_report(folder: Path, blessed: bool | None) -> EvaluationReport:
    from huberflow.components.evaluation.tfma_results import read_results

    return read_results(str(folder), blessed)


def read_findings(validator: Execution | None) -> ValidationFindings | None:
    """The anomalies that an ExampleValidator wrote; None where their files are gone."""
    if validator is None:
        return None
    folders = validator.output("anomalies").uri.glob(artifact_files.split_folder("*"))
    found = {
        folder.name.removeprefix(
            artifact_files.split_folder("")
        ): anomalies_pb2.Anomalies.FromString((folder / _ANOMALIES).read_bytes())
        for folder in sorted(folders)
        if (folder / _ANOMALIES).is_file()
    }
    schemas = validator.inputs.get("schema", ())
    schema = _schema(schemas[0].uri / artifact_files.SCHEMA if schemas else None)
    return ValidationFindings(anomalies=tuple(describe_anomalies(found, schema))) if found else None


def _schema(path: Path | None) -> schema_pb2.Schema:
    """The schema in a file; an empty one where it is gone, for less exact descriptions."""
    text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
    return text_format.Parse(text, schema_pb2.Schema())
