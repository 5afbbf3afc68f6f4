"""What TFX's own Evaluator and ExampleValidator found, read from the files that they wrote."""

from functools import lru_cache
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.components.validation.anomalies import describe_anomalies

_EVAL_CONFIG, _ANOMALIES = "eval_config.json", "SchemaDiff.pb"
"""In an evaluation, and in each split of anomalies; TFX's names."""


@lru_cache
def read_report(evaluation: Path, blessed: bool | None) -> EvaluationReport | None:
    """The report on an evaluation; None where its files are gone. Imports TFMA.

    Args:
      evaluation: the folder of the Evaluator's output.
      blessed: its verdict; None where it gave none, so that its thresholds decide.
    """
    if not (evaluation / _EVAL_CONFIG).is_file():
        return None
    from huberflow.components.evaluation.tfma_results import read_results

    return read_results(str(evaluation), blessed)


def read_findings(anomalies: Path, schema: Path | None) -> ValidationFindings | None:
    """The anomalies of all splits; None where their files are gone.

    Args:
      anomalies: the folder of the ExampleValidator's output.
      schema: the folder of the schema with which it compared the data.
    """
    splits = {
        file.parent.name.removeprefix(artifact_files.split_folder("")): file
        for file in sorted(anomalies.glob(f"{artifact_files.split_folder('*')}/{_ANOMALIES}"))
    }
    if not splits:
        return None
    found = {
        split: anomalies_pb2.Anomalies.FromString(file.read_bytes())
        for split, file in splits.items()
    }
    return ValidationFindings(anomalies=tuple(describe_anomalies(found, _schema(schema))))


def _schema(folder: Path | None) -> schema_pb2.Schema:
    """The schema in a folder; an empty one where it is gone, for less exact descriptions."""
    path = folder / artifact_files.SCHEMA if folder else None
    text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
    return text_format.Parse(text, schema_pb2.Schema())
