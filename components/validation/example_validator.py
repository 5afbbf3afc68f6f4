"""Holds the data against their schema, against the data before, and train rows against eval."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.components.example_validator import executor as stock
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import io_utils, writer_utils

from huberflow.components.contracts import artifact_files
from huberflow.components.validation import anomalies, validation_findings
from huberflow.components.validation.drift import measured


class Executor(base_executor.BaseExecutor):
    """Writes what it finds, and lets the run go on; ``pinned_schema.SchemaGate`` ends it."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the files of TFX's ExampleValidator, and ``findings.FILE``."""
        asked = json.loads(exec_properties["custom_config"])
        folder = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        train, evaluated = _split(statistics, "train"), _split(statistics, "eval")
        earlier = [_split(other, "train") for other in input_dict.get("earlier", [])]
        found = {
            "train": tfdv.validate_statistics(
                train,
                schema,
                previous_statistics=earlier[0] if earlier else None,
                serving_statistics=evaluated,
            ),
            "eval": tfdv.validate_statistics(evaluated, schema),
        }
        told = (schema, asked["columns"], asked["drift_threshold"])
        words = {
            "anomalies": anomalies.in_words(found, schema),
            "shifts": [
                *(shift for each in earlier for shift in measured("drift", train, each, *told)),
                *measured("skew", train, evaluated, *told),
            ],
        }
        out = artifact_utils.get_single_instance(output_dict["anomalies"])
        for split, each in found.items():
            folder_of_split = Path(out.uri) / artifact_files.split_folder(split)
            writer_utils.write_anomalies(str(folder_of_split / stock.DEFAULT_FILE_NAME), each)
        (Path(out.uri) / validation_findings.FILE).write_text(
            json.dumps(words, indent=1), encoding="utf-8"
        )
        out.split_names = artifact_utils.encode_split_names(list(found))
        out.set_int_custom_property(validation_findings.STATISTICS_ID, statistics.id)
        accepted = not (asked["pinned"] and words["anomalies"])
        out.set_int_custom_property(validation_findings.ACCEPTED, int(accepted))


def _split(statistics: types.Artifact, name: str) -> Any:
    return stats_artifact_utils.load_statistics(statistics, name).proto()


class ExampleValidatorSpec(types.ComponentSpec):
    """Statistics and their schema in, anomalies out."""

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
    """TFX's ExampleValidator, which also sees the data before, and says what it finds in words.

    Args:
      statistics: of the splits train and eval.
      schema: that both have to fit.
      earlier: statistics of other data, or nothing.
      custom_config: ``columns`` that are measured for drift and skew, ``drift_threshold`` above
        which they are told, ``pinned``: whether the schema was curated, so that what does not fit
        is refused, and ``source``: hashes of the code that runs here.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        earlier: types.BaseChannel | None,
        custom_config: Mapping[str, Any],
    ) -> None:
        super().__init__(
            spec=ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                earlier=earlier,
                custom_config=json.dumps(custom_config, sort_keys=True),
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
