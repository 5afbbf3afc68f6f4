"""What an Evaluator and an ExampleValidator found, huberflow's or TFX's own, from their files."""

from functools import lru_cache
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.components.validation.anomalies import describe_anomalies
from huberflow.pipeline.history.metadata_store import Execution

_EVAL_CONFIG, _ANOMALIES = "eval_config.json", "SchemaDiff.pb"
"""In an evaluation, and in each split of anomalies; TFX's names."""


def read_report(evaluator: Execution) -> EvaluationReport | None:
    """The report of an Evaluator; None where its files are gone."""
    own = evaluator.output("evaluation").uri / artifact_files.REPORT
    return EvaluationReport.read(own) if own.is_file() else read_tfma_report(evaluator)


def read_tfma_report(node: Execution) -> EvaluationReport | None:
    """The report of TFX's own Evaluator; imports TFMA.

    Returns:
      None for another node, for huberflow's Evaluator, and where the files are gone.
    """
    evaluation, blessing = node.written("evaluation"), node.written("blessing")
    if evaluation is None or (evaluation.uri / artifact_files.REPORT).is_file():
        return None
    if not (evaluation.uri / _EVAL_CONFIG).is_file():
        return None
    blessed = blessing.properties.get("blessed") == 1 if blessing else None
    return _tfma_report(evaluation.uri, blessed)


@lru_cache
def _tfma_report(folder: Path, blessed: bool | None) -> EvaluationReport:
    from huberflow.components.evaluation.tfma_results import read_results

    return read_results(str(folder), blessed)


def read_findings(validator: Execution) -> ValidationFindings | None:
    """The findings of an ExampleValidator; None where its files are gone."""
    folder = validator.output("anomalies").uri
    if (folder / artifact_files.FINDINGS).is_file():
        return ValidationFindings.read(folder / artifact_files.FINDINGS)
    prefix = artifact_files.split_folder("")
    by_split = {
        file.parent.name.removeprefix(prefix): anomalies_pb2.Anomalies.FromString(file.read_bytes())
        for file in sorted(folder.glob(f"{prefix}*/{_ANOMALIES}"))
    }
    schemas = validator.inputs.get("schema", ())
    schema = _schema(schemas[0].uri / artifact_files.SCHEMA if schemas else None)
    found = tuple(describe_anomalies(by_split, schema))
    return ValidationFindings(anomalies=found) if by_split else None


def _schema(path: Path | None) -> schema_pb2.Schema:
    """The schema in a file; an empty one where it is gone, for less exact descriptions."""
    text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
    return text_format.Parse(text, schema_pb2.Schema())
