"""Compares data with their schema and with earlier data, and train rows with eval rows."""

from pathlib import Path

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.example_validator import executor as stock
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import io_utils, writer_utils

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.node_config import ValidatorConfig
from huberflow.components.contracts.validation_findings import (
    ACCEPTED,
    STATISTICS_ID,
    ValidationFindings,
)
from huberflow.components.validation.anomalies import describe_anomalies
from huberflow.components.validation.drift import measure_shifts


class Executor(base_executor.BaseExecutor):
    """Writes its findings and does not fail; ``pinned_schema.SchemaGate`` ends the run."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, str],
    ) -> None:
        """Writes the files of TFX's ExampleValidator, and the findings."""
        config = ValidatorConfig.from_text(exec_properties["custom_config"])
        folder = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        train, evaluated = _split(statistics, "train"), _split(statistics, "eval")
        earlier = [_split(other, "train") for other in input_dict.get("earlier", [])]
        by_split = {
            "train": tfdv.validate_statistics(
                train,
                schema,
                previous_statistics=earlier[0] if earlier else None,
                serving_statistics=evaluated,
            ),
            "eval": tfdv.validate_statistics(evaluated, schema),
        }
        measured = (schema, config.columns, config.drift_threshold)
        drift = [
            shift for each in earlier for shift in measure_shifts("drift", train, each, *measured)
        ]
        skew = measure_shifts("skew", train, evaluated, *measured)
        findings = ValidationFindings(tuple(describe_anomalies(by_split, schema)), (*drift, *skew))
        out = artifact_utils.get_single_instance(output_dict["anomalies"])
        for split, each in by_split.items():
            folder_of_split = Path(out.uri) / artifact_files.split_folder(split)
            writer_utils.write_anomalies(str(folder_of_split / stock.DEFAULT_FILE_NAME), each)
        findings.write(Path(out.uri) / artifact_files.FINDINGS)
        out.split_names = artifact_utils.encode_split_names(list(by_split))
        out.set_int_custom_property(STATISTICS_ID, statistics.id)
        accepted = not (config.pinned and findings.anomalies)
        out.set_int_custom_property(ACCEPTED, int(accepted))


def _split(statistics: types.Artifact, name: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    return stats_artifact_utils.load_statistics(statistics, name).proto()


class ExampleValidatorSpec(types.ComponentSpec):
    """The inputs, the parameter and the output of ``ExampleValidator``."""

    PARAMETERS = {"custom_config": ExecutionParameter(type=str)}  # noqa: RUF012 (TFX's attribute)
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "earlier": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies)
    }


class ExampleValidator(base_component.BaseComponent):
    """TFX's ExampleValidator, which also compares with earlier data and describes its findings.

    Args:
      statistics: of the splits train and eval.
      schema: that both should fit.
      earlier: statistics of earlier data, or None.
      custom_config: see ``contracts.node_config.ValidatorConfig``.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        earlier: types.BaseChannel | None,
        custom_config: ValidatorConfig,
    ) -> None:
        super().__init__(
            spec=ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                earlier=earlier,
                custom_config=custom_config.to_text(),
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
