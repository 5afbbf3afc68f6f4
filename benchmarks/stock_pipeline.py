"""The Chicago Taxi pipeline as TFX's tutorials write it; the argument is a new folder.

It has TFX's defaults except for one: functions by dotted path in place of ``module_file``, whose
packaging needs pip, which an environment of uv does not have.
"""

import sys
from pathlib import Path

import tensorflow_model_analysis as tfma
from absl import logging
from tfx import v1 as tfx

from benchmarks import stock_taxi
from huberflow.pipeline.data import taxi

NAME = "stock_taxi"
TRAIN_STEPS = 200
EVAL_STEPS = 20
"""About one pass over the 5,000 rows of the eval split."""


def create_pipeline(root: Path) -> tfx.dsl.Pipeline:
    """All components, writing below ``root``; a model that passes goes to ``root``/serving."""
    example_gen = tfx.components.CsvExampleGen(input_base=str(taxi.folder()))
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    data = (example_gen, statistics_gen, schema_gen, example_validator)
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="benchmarks.stock_taxi.preprocessing_fn",
    )
    trainer = tfx.components.Trainer(
        run_fn="benchmarks.stock_taxi.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=TRAIN_STEPS),
        eval_args=tfx.proto.EvalArgs(num_steps=EVAL_STEPS),
    )
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=_eval_config(),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "serving"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=str(root / "pipelines"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.db")
        ),
        components=[*data, transform, trainer, resolver, evaluator, pusher],
    )


def _eval_config() -> tfma.EvalConfig:
    # Every model passes: the mean absolute error is never below 0.
    always = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.0})
    )
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(signature_name="serving_default", label_key=stock_taxi.LABEL)],
        slicing_specs=[
            tfma.SlicingSpec(),
            tfma.SlicingSpec(feature_keys=["trip_start_hour"]),
            tfma.SlicingSpec(feature_keys=["payment_type"]),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="MeanAbsoluteError", threshold=always),
                    tfma.MetricConfig(class_name="RootMeanSquaredError"),
                    tfma.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )


def main() -> None:
    """Runs the stock pipeline once in a new folder, to a pushed model."""
    logging.set_verbosity(logging.INFO)
    root = Path(sys.argv[1]).resolve()
    root.mkdir(parents=True)
    tfx.orchestration.LocalDagRunner().run(create_pipeline(root))
    if not any((root / "serving").glob("*/saved_model.pb")):
        raise SystemExit("the pipeline finished without a pushed model")


if __name__ == "__main__":
    main()
