"""Saves models as MLflow reads them, registers them, and downloads them.

A saved model is loaded and served without huberflow and without pickle.
"""

import json
import re
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import mlflow
import mlflow.artifacts
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking import mlflow_flavor
from huberflow.pipeline.tracking.mlflow_client import already_exists, create_client, explained
from huberflow.pipeline.tracking.mlflow_signature import COLUMNS, columns_signature
from huberflow.pipeline.tracking.tracker import Alias, Column, ExportedModel

KEY = "huberflow.key"
"""The tag with huberflow's key of a run or of a model version."""

FOLDER = "model"
"""The model's folder among its run's artifacts."""

LONGEST = 5000
"""Characters of a description that MLflow keeps on PostgreSQL."""

_OTHER: dict[Alias, Alias] = {"champion": "challenger", "challenger": "champion"}
_REQUIREMENTS = ("mlflow", "tensorflow", "numpy", "pandas")
_NOT_THERE = {ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)}


def save_model(model: ExportedModel, folder: Path) -> None:
    """Writes a model of MLflow's flavor ``huberflow`` into a new folder.

    Its signature declares every column as optional and of type Any; the types are in its metadata.

    Raises:
      MlflowException: the SavedModel cannot be read, or the example does not fit its columns.
    """
    types = {column.name: column.type for column in model.inputs}
    outputs = {column.name: column.type for column in model.outputs}
    example = pd.DataFrame(model.example, columns=list(types), dtype=object)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        mlflow_flavor.write(
            model.folder,
            Path(temporary, "model"),
            COLUMNS,
            signature=columns_signature(list(types), outputs),
            # None, where pandas has NaN, which JSON has not.
            input_example=example.where(example.notna(), None) if len(example) else None,
            metadata={"columns": types},
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        )
        Path(temporary, "model").rename(folder)


def register_model(client: MlflowClient, run_id: str, model: ExportedModel) -> str:
    """The version with the model's key; created unless it exists."""
    versions = client.search_model_versions(
        f"name = '{model.name}' AND tags.`{KEY}` = '{model.key}'"
    )
    if versions:
        return min((str(version.version) for version in versions), key=int)
    try:
        client.create_registered_model(model.name)
    except MlflowException as error:
        if not already_exists(error):
            raise
    created = client.create_model_version(
        model.name,
        _upload(client, run_id, model),
        run_id,
        tags={**model.tags, KEY: model.key},
        description=_description(model.inputs),
    )
    return str(created.version)


def _description(inputs: Sequence[Column]) -> str:
    """The columns that the model reads, as many as a server's database takes."""
    text = f"Reads {', '.join(column.name for column in inputs)}."
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _upload(client: MlflowClient, run_id: str, model: ExportedModel) -> str:
    """Uploads the model as an artifact of its run; returns its URI."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, FOLDER)
        save_model(model, folder)
        client.log_artifacts(run_id, str(folder), FOLDER)
        about = Model.load(folder).get_tags_dict()
    # With this tag the UI shows the folder as a model.
    history = [{**about, "run_id": run_id, "artifact_path": FOLDER}]
    client.set_tag(run_id, "mlflow.log-model.history", json.dumps(history))
    return f"{client.get_run(run_id).info.artifact_uri}/{FOLDER}"


def move_alias(client: MlflowClient, name: str, version: str, alias: Alias) -> None:
    """Moves an alias to a version, and removes its other one; a champion is no challenger."""
    aliases = client.get_registered_model(name).aliases
    if alias == "challenger" and str(aliases.get("champion")) == version:
        return
    if str(aliases.get(alias)) != version:
        client.set_registered_model_alias(name, alias, version)
    if str(aliases.get(_OTHER[alias])) == version:
        client.delete_registered_model_alias(name, _OTHER[alias])


def download_saved_model(uri: str, reference: str, folder: Path) -> Path:
    """Downloads a model that ``save_model`` wrote; returns the SavedModel in it.

    Args:
      uri: the address of MLflow's server or database.
      reference: ``models:/taxi@champion``, ``models:/taxi/3`` or ``runs:/ID/model``.
      folder: the folder to download to.

    Raises:
      InputError: there is no such model, or it holds no SavedModel.
      TrackingError: the server cannot be reached, or refuses.
    """
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise InputError(
            reference, expected=f"runs in {uri}", received="no database", write="huberflow run"
        )
    with explained(uri, f"download {reference}"):
        client = create_client(uri)
        try:
            source = _source(client, reference)
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise
            raise InputError(
                reference,
                expected=f"a model of {masked_text(uri)}",
                received=error.message,
                hint="see its models with: huberflow ui",
            ) from error
        downloaded = mlflow.artifacts.download_artifacts(
            artifact_uri=source, dst_path=str(folder), tracking_uri=uri, registry_uri=uri
        )
    return mlflow_flavor.saved_model_in(Path(downloaded), reference)


def _source(client: MlflowClient, reference: str) -> str:
    """The URI of the artifacts, from this client; MLflow itself would use a global one."""
    if by_alias := re.fullmatch(r"models:/([^/@]+)@([^/@]+)", reference):
        version = client.get_model_version_by_alias(*by_alias.groups()).version
        return client.get_model_version_download_uri(by_alias[1], str(version))
    if by_version := re.fullmatch(r"models:/([^/@]+)/(\d+)", reference):
        return client.get_model_version_download_uri(*by_version.groups())
    if in_run := re.fullmatch(r"runs:/([^/]+)/(.+)", reference):
        run = client.get_run(in_run[1])
        if not client.list_artifacts(*in_run.groups()):
            raise MlflowException(f"the run has no artifact {in_run[2]}", RESOURCE_DOES_NOT_EXIST)
        return f"{run.info.artifact_uri}/{in_run[2]}"
    forms = "models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID/model"
    raise InputError(reference, expected=forms, received="another form of reference")
