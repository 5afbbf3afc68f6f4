"""The pipeline: its nodes, and how outputs of one are inputs of others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tensorflow_data_validation import StatsOptions
from tfx.components import SchemaGen, StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import BaseChannel, Channel
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Model, ModelBlessing

from huberflow.components.contracts import node_ids
from huberflow.components.evaluation.baseline import LastBlessedOther
from huberflow.components.evaluation.evaluator import Evaluator
from huberflow.components.export.pusher import Pusher
from huberflow.components.export.serving_export import ServingExport
from huberflow.components.features.transform import Transform
from huberflow.components.validation.earlier_data import LastOtherData
from huberflow.components.validation.example_validator import ExampleValidator
from huberflow.components.validation.pinned_schema import PinnedSchema, SchemaGate
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.config import Config
from huberflow.pipeline.dag import node_config
from huberflow.pipeline.dag.example_gen import ColumnTypes, example_gen
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.schema import schema_file
from huberflow.pipeline.system.source_hash import source_hashes


@dataclass(frozen=True)
class Platform:
    """What differs between this machine and a cluster."""

    objects: UserObjects | None
    make_baseline: Callable[[BaseChannel], BaseNode]
    """Makes the node that finds the model which the candidate is compared with."""
    make_earlier_data: Callable[[BaseChannel], BaseNode] | None
    """Makes the node that finds the statistics which new ones are compared with; None: no node."""
    serving: Path | None
    """Where blessed models are pushed; None: nothing is exported."""
    data: str | None = None
    """The folder of the data on the platform; see ``example_gen``."""
    schema: Path | None = None
    """The path of the pinned schema on the platform, where it is not the config's."""
    run_parameters: Mapping[str, str] = field(default_factory=dict)
    """``run_id`` and ``run_metadata`` of ServingExport, where the runner adds no lineage."""


def create_pipeline(
    run: ResolvedRun, *, cache: bool = True, newest: int | None = None, export: bool = True
) -> tfx_pipeline.Pipeline:
    """The whole pipeline, ready for a runner.

    Args:
      run: resolved; each node gets the part of its config that it uses, as JSON, so that a change
        re-runs that node and what follows it, and nothing else.
      cache: whether results of nodes with the same code, config and inputs are reused.
      newest: id of the newest artifact that may become the baseline or the earlier data; None: any.
      export: whether the model is exported as a bundle, and pushed if it is blessed.
    """
    config, workspace = run.config, run.workspace
    resolver = partial(Resolver, config={} if newest is None else {"newest": newest})
    local = Platform(
        objects=run.objects,
        make_baseline=lambda candidate: resolver(
            strategy_class=LastBlessedOther,
            candidate=candidate,
            model=Channel(type=Model),
            blessing=Channel(type=ModelBlessing),
        ).with_id(node_ids.BASELINE),
        make_earlier_data=lambda statistics: resolver(
            strategy_class=LastOtherData,
            current=statistics,
            statistics=Channel(type=ExampleStatistics),
            anomalies=Channel(type=ExampleAnomalies),
        ).with_id(node_ids.EARLIER_DATA),
        serving=workspace.serving(config.name) if export else None,
    )
    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(workspace.artifacts),
        components=create_nodes(config, local),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(workspace.metadata)
        ),
        enable_cache=cache,
    )


def create_nodes(config: Config, platform: Platform) -> list[BaseNode]:
    """The nodes in order, with the same config on every platform."""
    data, objects = _data_nodes(config, platform), platform.objects
    examples, schema = data["examples"].outputs["examples"], data["schema"].outputs["schema"]
    transform = _transform(config, examples, schema)
    if "gate" in data:
        transform.add_upstream_node(data["gate"])
    trainer = _trainer(config, examples, transform.outputs["transform_graph"], objects)
    model = trainer.outputs["model"]
    baseline = platform.make_baseline(model)
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        model_run=trainer.outputs["model_run"],
        schema=schema,
        custom_config=node_config.evaluator_config(config, objects).to_text(),
    )
    nodes = [*data.values(), transform, trainer, baseline, evaluator]
    if platform.serving is not None:
        blessing, signing = evaluator.outputs["blessing"], config.export.signing
        exporter = ServingExport(
            model=model,
            model_run=trainer.outputs["model_run"],
            blessing=blessing,
            examples=examples,
            schema=schema,
            allow_ops=config.export.allow_ops,
            custom_config=node_config.export_config().to_text(),
            signing=None if signing.method is None else signing.keys().to_json(),
            **platform.run_parameters,
        )
        exported = exporter.outputs["exported_model"]
        nodes += [exporter, _pusher(platform.serving, exported, blessing)]
    return nodes


def _transform(config: Config, examples: BaseChannel, schema: BaseChannel) -> Transform:
    return Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="huberflow.components.features.preprocessing.preprocessing_fn",
        custom_config=node_config.transform_config(config).to_json(),
        # Unused outputs: the statistics cost more than the analysis, and the Trainer transforms
        # the raw rows as it reads them.
        disable_statistics=True,
        materialize=False,
        disable_analyzer_cache=True,
    )


def _trainer(
    config: Config,
    examples: BaseChannel,
    transform_graph: BaseChannel,
    objects: UserObjects | None,
) -> Trainer:
    return Trainer(
        examples=examples,
        transform_graph=transform_graph,
        run_fn="huberflow.components.training.trainer.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        # The Trainer reads the eval rows once, after training, for a sample of predictions.
        eval_args=trainer_pb2.EvalArgs(splits=["validation", "eval"]),
        custom_config=node_config.trainer_config(config, objects).to_json(),
    )


def _pusher(serving: Path, model: BaseChannel, blessing: BaseChannel) -> Pusher:
    return Pusher(
        model=model,
        model_blessing=blessing,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(serving))
        ),
        custom_config={"source": source_hashes("huberflow.components.export.pusher")},
    )


def _data_nodes(config: Config, platform: Platform) -> dict[str, BaseNode]:
    examples = example_gen(config.data, platform.data, ColumnTypes.of(config))
    # Validation rows are used for early stopping only, so that nothing depends on their statistics.
    statistics = StatisticsGen(
        examples=examples.outputs["examples"],
        exclude_splits=["validation"],
        # Without it, a column of ids takes memory for every row. Exact up to 1,024 values a column.
        stats_options=StatsOptions(experimental_use_sketch_based_topk_uniques=True),
    )
    schema = _schema(config, statistics.outputs["statistics"], platform.schema)
    nodes = {"examples": examples, "statistics": statistics, "schema": schema}
    if platform.make_earlier_data is not None:
        nodes["earlier"] = platform.make_earlier_data(statistics.outputs["statistics"])
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        earlier=nodes["earlier"].outputs["statistics"] if "earlier" in nodes else None,
        custom_config=node_config.validator_config(config).to_text(),
    )
    nodes["validator"] = validator
    if config.data.pinned_schema is not None:
        nodes["gate"] = SchemaGate(anomalies=validator.outputs["anomalies"])
    return nodes


def _schema(config: Config, statistics: BaseChannel, on_platform: Path | None) -> BaseNode:
    """The node SchemaGen: it infers a schema from the train rows, or copies the pinned one."""
    pinned = config.data.pinned_schema
    if pinned is None:
        # No shapes: every column may be missing from a row, in training and in serving.
        return SchemaGen(statistics=statistics, infer_feature_shape=False)
    file = pinned.expanduser().absolute()
    node = PinnedSchema(schema_file=str(on_platform or file), sha256=schema_file.file_digest(file))
    return node.with_id(node_ids.SCHEMA_GEN)
