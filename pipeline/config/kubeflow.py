"""Section ``kubeflow``: the cluster that the pipeline is compiled for."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import Strict

_BUCKETS = ("gs://", "s3://", "minio://")


def _check_bucket(uri: str) -> str:
    if not uri.startswith(_BUCKETS):
        raise InputError(
            "", expected=f"a folder of a bucket ({', '.join(_BUCKETS)})", received=repr(uri)
        )
    return uri


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise InputError("", expected="an absolute path", received=repr(str(path)))
    return path


def _check_absolute_or_bucket(folder: str) -> str:
    if not folder.startswith(("/", "gs://")):
        raise InputError("", expected="an absolute path or a gs:// address", received=repr(folder))
    return folder


_KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class TrainerContainer(Strict):
    """Resources of the Trainer's container; null: the cluster's defaults."""

    cpu: PositiveFloat | None = Field(None, description="Number of CPU cores.")
    memory_gb: PositiveFloat | None = Field(None, description="Memory in gigabytes.")
    accelerators: Annotated[int, Field(ge=0)] = Field(
        0, description="Number of GPUs or other accelerators."
    )
    accelerator: str = Field(
        "nvidia.com/gpu", description="Resource name of the accelerators in the cluster."
    )


class Kubeflow(Strict):
    """The cluster for `huberflow compile --target kubeflow`."""

    pipeline_root: Annotated[str, AfterValidator(_check_bucket)] | None = Field(
        None,
        description="Folder in a bucket for the output of runs, such as gs://bucket/runs; null:"
        " the cluster's default.",
    )
    volume: _KubernetesName | None = Field(
        None, description="Name of the PersistentVolumeClaim for pushed models."
    )
    mount: Annotated[Path, AfterValidator(_check_absolute)] = Field(
        Path("/huberflow"),
        description="Path of that volume in the containers; models are pushed to serving/ below"
        " it.",
    )
    data: Annotated[str, AfterValidator(_check_absolute_or_bucket)] | None = Field(
        None,
        description="Path of the data in the containers: a folder on the volume or in a gs:// "
        "bucket.",
    )
    schema_file: Annotated[Path, AfterValidator(_check_absolute)] | None = Field(
        None, description="Path of the data.schema file in the containers, on the volume."
    )
    tracking_from: _KubernetesName | None = Field(
        None,
        description="Kubernetes secret with the address of the tracking server under the key "
        "MLFLOW_TRACKING_URI; null: tracking.uri.",
    )
    trainer: TrainerContainer = TrainerContainer()
