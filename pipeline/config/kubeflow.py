"""Section ``kubeflow``: the cluster that the pipeline is compiled for."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from huberflow.pipeline.config.base import Strict, refuse_if


def _begins_with(*starts: str, expected: str) -> AfterValidator:
    def check_start(address: str | Path) -> str | Path:
        refuse_if(not str(address).startswith(starts), "", expected, repr(str(address)))
        return address

    return AfterValidator(check_start)


_BUCKETS = ("gs://", "s3://", "minio://")
_BucketFolder = Annotated[
    str, _begins_with(*_BUCKETS, expected=f"a folder of a bucket ({', '.join(_BUCKETS)})")
]
_AbsolutePath = Annotated[Path, _begins_with("/", expected="an absolute path")]
_DataFolder = Annotated[
    str, _begins_with("/", "gs://", expected="an absolute path or a gs:// address")
]
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

    pipeline_root: _BucketFolder | None = Field(
        None,
        description="Folder in a bucket for the output of runs, such as gs://bucket/runs; null:"
        " the cluster's default.",
    )
    volume: _KubernetesName | None = Field(
        None, description="Name of the PersistentVolumeClaim for pushed models."
    )
    mount: _AbsolutePath = Field(
        Path("/huberflow"),
        description="Path of that volume in the containers; models are pushed to serving/ below"
        " it.",
    )
    data: _DataFolder | None = Field(
        None,
        description="Path of the data in the containers: a folder on the volume or in a gs:// "
        "bucket.",
    )
    schema_file: _AbsolutePath | None = Field(
        None, description="Path of the data.schema file in the containers, on the volume."
    )
    tracking_from: _KubernetesName | None = Field(
        None,
        description="Kubernetes secret with the address of the tracking server under the key "
        "MLFLOW_TRACKING_URI; null: tracking.uri.",
    )
    trainer: TrainerContainer = TrainerContainer()
