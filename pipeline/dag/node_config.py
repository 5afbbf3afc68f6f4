"""What each node is told: its part of the config, and hashes of the code that it runs.

No more than that, for TFX runs a node again where what it is told has changed.
"""

from typing import Any

from pydantic import BaseModel

from huberflow.custom_objects.catalogue import HUBERFLOW
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.system.source_hash import source_hashes

Own = UserObjects | None


def validator(config: Config) -> dict[str, Any]:
    """Of the ExampleValidator."""
    return {
        "columns": config.columns(),
        "drift_threshold": config.data.drift_threshold,
        "pinned": config.data.pinned_schema is not None,
        "source": source_hashes("huberflow.components.validation.example_validator"),
    }


def transform(config: Config) -> dict[str, Any]:
    """Of the Transform."""
    return {
        "features": config.features.model_dump(mode="json"),
        "label": config.data.label,
        "classes": list(config.data.classes),
        "weight": config.data.weight,
        "source": source_hashes(
            "huberflow.components.features.preprocessing", "huberflow.components.features.transform"
        ),
    }


def trainer(config: Config, objects: Own) -> dict[str, Any]:
    """Of the Trainer."""
    values = config.plain()
    modules = _modules(config.model) | _modules(config.training)
    if config.model.metric_logging:
        modules.add(HUBERFLOW["MetricLoggingLayer"].module)
    return {
        "seed": config.seed,
        "objects": objects.to_json() if objects else None,
        "label": config.data.label,
        "classes": list(config.data.classes),
        "weight": config.data.weight,
        "features": values["features"],
        "model": values["model"],
        "training": values["training"],
        "source": source_hashes("huberflow.components.training.trainer", *modules),
    }


def evaluator(config: Config, objects: Own) -> dict[str, Any]:
    """Of the Evaluator."""
    custom = {each.name for each in objects.objects} if objects else set()
    used = any(metric.name in custom for metric in config.evaluation.metrics)
    return {
        "objects": objects.to_json() if objects and used else None,
        "label": config.data.label,
        "classes": list(config.data.classes),
        "weight": config.data.weight,
        "evaluation": config.plain()["evaluation"],
        "source": source_hashes(
            "huberflow.components.evaluation.evaluator", *_modules(config.evaluation)
        ),
    }


def _modules(section: BaseModel) -> set[str]:
    """Our modules that hold the objects which a section names: they are imported by name."""
    choices = [
        choice
        for _, value in section
        for choice in (value if isinstance(value, tuple) else [value])
        if isinstance(choice, Choice)
    ]
    return {HUBERFLOW[choice.name].module for choice in choices if choice.name in HUBERFLOW}
