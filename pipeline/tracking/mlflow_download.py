"""Downloads a model from MLflow's registry or from a run."""

import re
from pathlib import Path

import mlflow.artifacts
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
from huberflow.pipeline.tracking.mlflow_client import create_client
from huberflow.pipeline.tracking.mlflow_errors import explained

_NOT_THERE = {ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)}

_FORMS = "models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID/model"


def download_saved_model(uri: str, reference: str, folder: Path) -> Path:
    """Downloads a model that ``pyfunc_model.save`` wrote; returns the SavedModel in it.

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
        return _saved_model_in(Path(downloaded), reference)


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
    raise InputError(reference, expected=_FORMS, received="another form of reference")


def _saved_model_in(model: Path, reference: str) -> Path:
    flavor = Model.load(model).flavors.get("python_function", {})
    entry = flavor.get("artifacts", {}).get("saved_model")
    if entry is None:
        raise InputError(
            reference,
            expected="a model that huberflow exported",
            received=f"one of the flavors {', '.join(Model.load(model).flavors)}",
        )
    return model / entry["path"]
