"""Compares data with their schema and with earlier data, and train rows with eval rows."""

from pathlib import Path

import tensorflow_data_validation as tfdv
from tfx.components.example_validator import executor as stock
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Schema
from tfx.utils import writer_utils

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.node_config import ValidatorConfig
from huberflow.components.contracts.validation_findings import (
    ACCEPTED,
    STATISTICS_ID,
    ValidationFindings,
)
from huberflow.components.validation.anomalies import describe_anomalies
from huberflow.components.validation.drift import SPLITS, load_statistics, measure_shifts


@component
def ExampleValidator(  # noqa: N802 (a component)
    statistics: InputArtifact[ExampleStatistics],
    schema: InputArtifact[Schema],
    anomalies: OutputArtifact[ExampleAnomalies],
    custom_config: Parameter[str],
    earlier: InputArtifact[ExampleStatistics] = None,
) -> None:
    """TFX's ExampleValidator, which also compares with earlier data and describes its findings.

    It does not fail; ``pinned_schema.SchemaGate`` ends the run.

    Args:
      statistics: of the splits train and eval.
      schema: that both should fit.
      anomalies: the files of TFX's ExampleValidator, and the findings.
      custom_config: a ``ValidatorConfig`` as text.
      earlier: statistics of earlier data; there may be none.
    """
    config = ValidatorConfig.from_text(custom_config)
    expected = tfdv.load_schema_text(str(Path(schema.uri) / artifact_files.SCHEMA))
    train, evaluated = (load_statistics(Path(statistics.uri), split) for split in SPLITS)
    before = load_statistics(Path(earlier.uri), "train") if earlier else None
    by_split = {
        "train": tfdv.validate_statistics(
            train, expected, previous_statistics=before, serving_statistics=evaluated
        ),
        "eval": tfdv.validate_statistics(evaluated, expected),
    }
    measured = (expected, config.columns, config.drift_threshold)
    drift = measure_shifts("drift", train, before, *measured) if before else ()
    skew = measure_shifts("skew", train, evaluated, *measured)
    findings = ValidationFindings(tuple(describe_anomalies(by_split, expected)), (*drift, *skew))
    for split, each in by_split.items():
        folder_of_split = Path(anomalies.uri) / artifact_files.split_folder(split)
        writer_utils.write_anomalies(str(folder_of_split / stock.DEFAULT_FILE_NAME), each)
    findings.write(Path(anomalies.uri) / artifact_files.FINDINGS)
    anomalies.split_names = artifact_utils.encode_split_names(list(by_split))
    anomalies.set_int_custom_property(STATISTICS_ID, statistics.id)
    accepted = not (config.pinned and findings.anomalies)
    anomalies.set_int_custom_property(ACCEPTED, int(accepted))
