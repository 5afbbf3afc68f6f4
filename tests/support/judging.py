"""Runs the Evaluator's executor as TFX would, on a handful of rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_transform.tf_metadata import schema_utils
from tfx.types import standard_artifacts

from huberflow.components.contracts.artifact_files import CONSTANT, REPORT
from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.components.contracts.model_config import EvaluatorConfig
from huberflow.components.evaluation.evaluator import Evaluator
from huberflow.pipeline.beam import beam_target

BASELINE_ID, CANDIDATE_ID = 3, 7


@dataclass(frozen=True)
class Judged:
    """The output of one Evaluator run."""

    report: EvaluationReport
    blessing: standard_artifacts.ModelBlessing
    uri: str
    evaluation: EvaluationConfig

    @property
    def is_blessed_on_disk(self) -> bool:
        return (Path(self.blessing.uri) / "BLESSED").exists()

    def values(self, slice_key: dict, model: str = "candidate") -> dict:
        (row,) = [row for row in self.report.slices if row.slice == slice_key]
        return getattr(row, model)


def write_model(path: Path, answer: Callable[[tf.Tensor], dict[str, tf.Tensor]]) -> Path:
    """A SavedModel that gives these outputs for serialized examples."""
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string, name="examples")
    module.serve = tf.function(answer, input_signature=[spec])
    target = str(path / "Format-Serving")
    tf.saved_model.save(module, target, signatures={"serving_default": module.serve})
    return path


class Bench:
    """Rows to judge models on.

    Args:
      root: where to write them.
      types: of the columns.
      rows: by column; None where there is no value.
    """

    def __init__(
        self, root: Path, types: Mapping[str, tf.DType], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        self._rows = _artifact(standard_artifacts.Examples, root / "rows", split_names='["eval"]')
        (root / "rows" / "Split-eval").mkdir()
        file = str(root / "rows" / "Split-eval" / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for row in rows:
                writer.write(example(types, row))
        self._schema = _artifact(standard_artifacts.Schema, root / "schema")
        spec = {name: tf.io.VarLenFeature(kind) for name, kind in types.items()}
        text = text_format.MessageToString(schema_utils.schema_from_feature_spec(spec))
        (root / "schema" / "schema.pbtxt").write_text(text)

    def judged(
        self,
        out: Path,
        evaluation: EvaluationConfig,
        candidate: Path,
        baseline: Path | None,
        *,
        constant: ConstantPrediction | None = None,
        **config: Any,
    ) -> Judged:
        """Runs the Evaluator on a model; ``config`` has the label and what else is not default."""
        model_run = _artifact(standard_artifacts.ModelRun, out / "model_run")
        if constant:
            constant.write(out / "model_run" / CONSTANT)
        model = standard_artifacts.Model
        inputs = {
            "examples": [self._rows],
            "model": [_artifact(model, candidate, CANDIDATE_ID)],
            "baseline_model": [_artifact(model, baseline, BASELINE_ID)] if baseline else [],
            "model_run": [model_run] if constant else [],
            "schema": [self._schema],
        }
        custom_config = EvaluatorConfig(evaluation=evaluation, source={}, **config).to_text()
        found = _artifact(standard_artifacts.ModelEvaluation, out / "evaluation")
        blessing = _artifact(standard_artifacts.ModelBlessing, out / "blessing")
        executor = Evaluator.EXECUTOR_SPEC.executor_class
        executor(
            executor.Context(
                beam_pipeline_args=list(beam_target.in_process_arguments()),
                tmp_dir=str(out / "tmp"),
                unique_id="1",
            )
        ).Do(
            inputs,
            {"evaluation": [found], "blessing": [blessing]},
            {"custom_config": custom_config},
        )
        report = EvaluationReport.read(out / "evaluation" / REPORT)
        return Judged(report, blessing, found.uri, evaluation)


def _artifact(kind, path: Path, number: int = 0, **properties):
    path.mkdir(parents=True, exist_ok=True)
    made = kind()
    made.uri, made.id = str(path), number
    for name, value in properties.items():
        setattr(made, name, value)
    return made


def example(types: Mapping[str, tf.DType], row: Mapping[str, Any]) -> bytes:
    """A row as ExampleGen writes it; None where a column has no value."""
    found = tf.train.Example()
    for name, value in row.items():
        if value is None:
            continue
        feature = found.features.feature[name]
        if types[name] == tf.string:
            feature.bytes_list.value.append(value.encode())
        elif types[name] == tf.int64:
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    return found.SerializeToString()
