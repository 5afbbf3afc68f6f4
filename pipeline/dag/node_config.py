"""The config of each node: its part of the user's config, and hashes of the code that it runs.

No more than that, for TFX runs a node again when its config has changed.
"""

from pydantic import BaseModel

from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.model_config import (
    EvaluatorConfig,
    ModelConfig,
    TrainerConfig,
    TrainingConfig,
)
from huberflow.components.contracts.node_config import (
    ExportConfig,
    TransformConfig,
    ValidatorConfig,
)
from huberflow.custom_objects.catalogue import HUBERFLOW
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.system.source_hash import source_hashes


def validator_config(config: Config) -> ValidatorConfig:
    """The ExampleValidator's config."""
    return ValidatorConfig(
        columns=tuple(config.columns()),
        drift_threshold=config.data.drift_threshold,
        pinned=config.data.pinned_schema is not None,
        source=source_hashes("huberflow.components.validation.example_validator"),
    )


def transform_config(config: Config) -> TransformConfig:
    """The Transform's config."""
    return TransformConfig(
        label=config.data.label,
        classes=config.data.classes,
        weight=config.data.weight,
        features=FeaturesConfig.from_json(config.features.plain()),
        missing=config.data.missing,
        source=source_hashes(
            "huberflow.components.features.preprocessing", "huberflow.components.features.transform"
        ),
    )


def trainer_config(config: Config, objects: UserObjects | None) -> TrainerConfig:
    """The Trainer's config."""
    modules = _modules(config.model) | _modules(config.training)
    if config.model.metric_logging:
        modules.add(HUBERFLOW["MetricLoggingLayer"].module)
    return TrainerConfig(
        label=config.data.label,
        classes=config.data.classes,
        weight=config.data.weight,
        seed=config.seed,
        objects=objects,
        features=FeaturesConfig.from_json(config.features.plain()),
        missing=config.data.missing,
        model=ModelConfig.from_json(config.model.plain()),
        training=TrainingConfig.from_json(config.training.plain()),
        source=source_hashes("huberflow.components.training.trainer", *modules),
    )


def evaluator_config(config: Config, objects: UserObjects | None) -> EvaluatorConfig:
    """The Evaluator's config."""
    custom = {each.name for each in objects.objects} if objects else set()
    uses_custom = any(metric.name in custom for metric in config.evaluation.metrics)
    return EvaluatorConfig(
        label=config.data.label,
        classes=config.data.classes,
        weight=config.data.weight,
        objects=objects if uses_custom else None,
        evaluation=EvaluationConfig.from_json(config.evaluation.plain()),
        source=source_hashes(
            "huberflow.components.evaluation.evaluator", *_modules(config.evaluation)
        ),
    )


def export_config() -> ExportConfig:
    """ServingExport's config."""
    return ExportConfig(source=source_hashes("huberflow.components.export.serving_export"))


def _modules(section: BaseModel) -> set[str]:
    """The modules of huberflow's objects that a section names: no import statement names them."""
    return {
        HUBERFLOW[choice.name].module
        for _, value in section
        for choice in (value if isinstance(value, tuple) else [value])
        if isinstance(choice, Choice) and choice.name in HUBERFLOW
    }
