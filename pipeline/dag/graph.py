"""The pipeline: which nodes there are, and what feeds what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow_data_validation import StatsOptions
from tfx.components import SchemaGen, StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import Channel
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
from huberflow.pipeline.config import Config
from huberflow.pipeline.dag import node_config
from huberflow.pipeline.dag.example_gen import example_gen
from huberflow.pipeline.dag.node_config import Own
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.schema import schema_file
from huberflow.pipeline.system.source_hash import source_hashes


@dataclass(frozen=True)
class Surroundings:
    """What lies elsewhere on a cluster than on this machine."""

    objects: Own
    find_baseline: Callable[[Any], Any]
    """Makes the node that finds the model which a candidate has to beat."""
    find_earlier: Callable[[Any], Any] | None
    """Makes the node that finds the data which these statistics are held against; or no such."""
    serving: Path | None
    """Where blessed models are pushed; none: nothing is exported."""
    data: str | None = None
    """Folder of the data, see ``example_gen``."""
    schema: Path | None = None
    """Where the pinned schema is, if that is not where the config says."""
    of_run: Mapping[str, str] = field(default_factory=dict)
    """``run_id`` and ``facts`` for ``ServingExport``, where nothing else tells it."""


def create_pipeline(
    run: ResolvedRun, *, cache: bool = True, newest: int | None = None, export: bool = True
) -> tfx_pipeline.Pipeline:
    """The whole pipeline, ready for a runner.

    Args:
      run: resolved; each node gets the part of its config that it uses, as JSON, so that a change
        re-runs that node and what follows it, and nothing else.
      cache: whether nodes with the same code, config and inputs are reused.
      newest: id of the newest artifact that the baseline, and the data to hold these against, may
        come from; none: all.
      export: whether the model is exported as a bundle, and pushed if it is blessed.
    """
    config, workspace = run.config, run.workspace
    here = Surroundings(
        objects=run.objects,
        find_baseline=lambda candidate: _baseline(candidate, newest),
        find_earlier=lambda statistics: _earlier_data(statistics, newest),
        serving=workspace.serving(config.name) if export else None,
    )
    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(workspace.artifacts),
        components=create_nodes(config, here),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(workspace.metadata)
        ),
        enable_cache=cache,
    )


def create_nodes(config: Config, around: Surroundings) -> list[Any]:
    """The nodes, in order: the same wherever they run, and told the same."""
    data, objects = _data_nodes(config, around), around.objects
    examples, schema = data["examples"].outputs["examples"], data["schema"].outputs["schema"]
    transform = _transform(config, examples, schema)
    if "gate" in data:
        transform.add_upstream_node(data["gate"])
    trainer = _trainer(config, examples, transform.outputs["transform_graph"], objects)
    model = trainer.outputs["model"]
    baseline = around.find_baseline(model)
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        schema=schema,
        custom_config=node_config.evaluator(config, objects),
    )
    nodes = [*data.values(), transform, trainer, baseline, evaluator]
    if around.serving is not None:
        exporter = ServingExport(
            model=model,
            model_run=trainer.outputs["model_run"],
            blessing=evaluator.outputs["blessing"],
            examples=examples,
            schema=schema,
            custom_config={"source": source_hashes("huberflow.components.export.serving_export")},
            **around.of_run,
        )
        exported, blessing = exporter.outputs["exported_model"], evaluator.outputs["blessing"]
        nodes += [exporter, _pusher(around.serving, exported, blessing)]
    return nodes


def _transform(config: Config, examples: Any, schema: Any) -> Transform:
    return Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="huberflow.components.features.preprocessing.preprocessing_fn",
        custom_config=node_config.transform(config),
        # Nobody reads these: statistics cost more than the analysis, and the Trainer transforms
        # the raw rows as it reads them.
        disable_statistics=True,
        materialize=False,
        disable_analyzer_cache=True,
    )


def _trainer(config: Config, examples: Any, transform_graph: Any, objects: Own) -> Trainer:
    return Trainer(
        examples=examples,
        transform_graph=transform_graph,
        run_fn="huberflow.components.training.trainer.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        # It looks at the eval rows once, when it has been trained.
        eval_args=trainer_pb2.EvalArgs(splits=["validation", "eval"]),
        custom_config=node_config.trainer(config, objects),
    )


def _baseline(candidate: Any, newest: int | None) -> Resolver:
    return _last(
        LastBlessedOther,
        newest,
        candidate=candidate,
        model=Channel(type=Model),
        blessing=Channel(type=ModelBlessing),
    ).with_id(node_ids.BASELINE)


def _earlier_data(current: Any, newest: int | None) -> Resolver:
    return _last(
        LastOtherData,
        newest,
        current=current,
        statistics=Channel(type=ExampleStatistics),
        anomalies=Channel(type=ExampleAnomalies),
    ).with_id(node_ids.EARLIER_DATA)


def _last(strategy: type[ResolverStrategy], newest: int | None, **among: Any) -> Resolver:
    told = {} if newest is None else {"newest": newest}
    return Resolver(strategy_class=strategy, config=told, **among)


def _pusher(serving: Path, model: Any, blessing: Any) -> Pusher:
    return Pusher(
        model=model,
        model_blessing=blessing,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(serving))
        ),
        custom_config={"source": source_hashes("huberflow.components.export.pusher")},
    )


def _data_nodes(config: Config, around: Surroundings) -> dict[str, Any]:
    examples = example_gen(config.data, around.data)
    # The validation rows end the training, and no more: what they are like decides nothing.
    statistics = StatisticsGen(
        examples=examples.outputs["examples"],
        exclude_splits=["validation"],
        # Else a column of ids takes memory for every row. Exact up to 1,024 values of a column.
        stats_options=StatsOptions(experimental_use_sketch_based_topk_uniques=True),
    )
    schema = _schema(config, statistics.outputs["statistics"], around.schema)
    nodes = {"examples": examples, "statistics": statistics, "schema": schema}
    if around.find_earlier is not None:
        nodes["earlier"] = around.find_earlier(statistics.outputs["statistics"])
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        earlier=nodes["earlier"].outputs["statistics"] if "earlier" in nodes else None,
        custom_config=node_config.validator(config),
    )
    nodes["validator"] = validator
    if config.data.pinned_schema is not None:
        nodes["gate"] = SchemaGate(anomalies=validator.outputs["anomalies"])
    return nodes


def _schema(config: Config, statistics: Any, elsewhere: Path | None) -> Any:
    """The node SchemaGen: it infers a schema from the train rows, or takes the pinned one."""
    pinned = config.data.pinned_schema
    if pinned is None:
        # No shapes: every column may be missing from a row, in training and in serving.
        return SchemaGen(statistics=statistics, infer_feature_shape=False)
    file = pinned.expanduser().absolute()
    node = PinnedSchema(schema_file=str(elsewhere or file), sha256=schema_file.digest(file))
    return node.with_id(node_ids.SCHEMA_GEN)
