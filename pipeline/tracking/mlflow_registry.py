"""Registers models in MLflow's registry."""

import json
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from huberflow.pipeline.tracking import pyfunc_model
from huberflow.pipeline.tracking.mlflow_errors import already_exists
from huberflow.pipeline.tracking.tracker import Alias, ExportedModel

KEY = "huberflow.key"
"""The tag with huberflow's key of a model version."""

FOLDER = "model"
"""The model's folder among its run's artifacts."""

_OTHER: dict[Alias, Alias] = {"champion": "challenger", "challenger": "champion"}


def version_of(client: MlflowClient, run_id: str, model: ExportedModel) -> str:
    """The version with the model's key; created unless it exists."""
    versions = client.search_model_versions(
        f"name = '{model.name}' AND tags.`{KEY}` = '{model.key}'"
    )
    if versions:
        return min((str(version.version) for version in versions), key=int)
    _create_name(client, model.name)
    source = _upload(client, run_id, model)
    created = client.create_model_version(
        model.name,
        source,
        run_id,
        tags={**model.tags, KEY: model.key},
        description=f"Reads {', '.join(column.name for column in model.inputs)}.",
    )
    return str(created.version)


def move_alias(client: MlflowClient, name: str, version: str, alias: Alias) -> None:
    """Moves an alias to a version, and removes its other one; a champion is no challenger."""
    aliases = client.get_registered_model(name).aliases
    if alias == "challenger" and str(aliases.get("champion")) == version:
        return
    if str(aliases.get(alias)) != version:
        client.set_registered_model_alias(name, alias, version)
    if str(aliases.get(_OTHER[alias])) == version:
        client.delete_registered_model_alias(name, _OTHER[alias])


def _create_name(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if not already_exists(error):
            raise


def _upload(client: MlflowClient, run_id: str, model: ExportedModel) -> str:
    """Uploads the model as an artifact of its run; returns its URI."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, FOLDER)
        pyfunc_model.save(model, folder)
        client.log_artifacts(run_id, str(folder), FOLDER)
        about = Model.load(folder).get_tags_dict()
    # With this tag the UI shows the folder as a model.
    history = [{**about, "run_id": run_id, "artifact_path": FOLDER}]
    client.set_tag(run_id, "mlflow.log-model.history", json.dumps(history))
    return f"{client.get_run(run_id).info.artifact_uri}/{FOLDER}"
