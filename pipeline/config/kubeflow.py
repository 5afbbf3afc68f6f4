"""Section ``kubeflow``: the cluster that the pipeline is compiled for."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from huberflow.pipeline.config.base import Strict

_BUCKETS = ("gs://", "s3://", "minio://")


def _bucket(uri: str) -> str:
    if not uri.startswith(_BUCKETS):
        raise ValueError(f"expected a folder of a bucket ({', '.join(_BUCKETS)}), received {uri!r}")
    return uri


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"expected an absolute path, received {str(path)!r}")
    return path


def _absolute_or_bucket(folder: str) -> str:
    if not folder.startswith(("/", "gs://")):
        raise ValueError(f"expected an absolute path or a gs:// address, received {folder!r}")
    return folder


_KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class TrainerContainer(Strict):
    """What the Trainer's container gets; null: what the cluster gives to all."""

    cpu: PositiveFloat | None = Field(None, description="Processor cores.")
    memory_gb: PositiveFloat | None = Field(None, description="Gigabytes of memory.")
    accelerators: Annotated[int, Field(ge=0)] = Field(0, description="How many GPUs or the like.")
    accelerator: str = Field("nvidia.com/gpu", description="Their type, as the cluster names it.")


class Kubeflow(Strict):
    """The cluster that `huberflow compile --target kubeflow` writes for."""

    pipeline_root: Annotated[str, AfterValidator(_bucket)] | None = Field(
        None,
        description="Folder of a bucket for what runs write, such as gs://bucket/runs; null: the "
        "cluster's own.",
    )
    volume: _KubernetesName | None = Field(
        None, description="PersistentVolumeClaim for the models that serve; its name."
    )
    mount: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("/huberflow"),
        description="Where containers have that volume; models are in serving/ below it.",
    )
    data: Annotated[str, AfterValidator(_absolute_or_bucket)] | None = Field(
        None,
        description="Where containers find your own rows: a folder on the volume, or of a gs:// "
        "bucket.",
    )
    schema_file: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Where containers find the file of data.schema, on the volume."
    )
    tracking_from: _KubernetesName | None = Field(
        None,
        description="Kubernetes secret with the tracking server under the key MLFLOW_TRACKING_URI; "
        "null: tracking.uri.",
    )
    trainer: TrainerContainer = TrainerContainer()
