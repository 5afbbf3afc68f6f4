"""The model of a run, as a tracking server registers it."""

from typing import Literal

from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.target import PREDICTION, Target
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.tracking.dataset import data_schema, example_rows
from huberflow.pipeline.tracking.tracker import Column, ExportedModel


def exported_model(run: Run, workspace_id: str) -> ExportedModel | None:
    """The run's bundle, ready to register; None where the run has none.

    A trial of a sweep exports nothing; its model is the one that the Trainer saved.
    """
    exported = run.artifact(node_ids.SERVING_EXPORT, "exported_model")
    model = exported if run.sweep is None else run.artifact(node_ids.TRAINER, "model")
    schema = data_schema(run)
    if model is None or schema is None:
        return None
    types = {feature.name: _column_type(feature) for feature in schema.feature}
    names = [
        name for name in FeaturesConfig.from_json(run.config["features"]).columns if name in types
    ]
    return ExportedModel(
        key=f"{workspace_id}/{model.id}",
        name=str(run.config["name"]),
        folder=model.uri / artifact_files.SERVING_MODEL,
        inputs=[Column(name, types[name]) for name in names],
        outputs=_outputs(Target.of(run.config["data"]["label"], run.config["data"]["classes"])),
        example=[{name: row.get(name) for name in names} for row in example_rows(run)],
        tags={
            "huberflow.run": run.id,
            "huberflow.metadata.artifact": str(model.id),
            "huberflow.certificate": str(model.properties.get("certificate", "none")),
        },
    )


def _column_type(feature: schema_pb2.Feature) -> Literal["double", "string"]:
    """The type that the signature ``columns`` expects of a raw column."""
    return "string" if feature.type == schema_pb2.BYTES else "double"


def _outputs(target: Target) -> list[Column]:
    """The outputs of the signature, see ``huberflow.components.serving.signatures``."""
    texts = [Column(PREDICTION, "string")] if target.classes else []
    return [*texts, *(Column(name, "double") for name in target.number_outputs)]
