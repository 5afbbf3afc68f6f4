"""MLflow's flavor ``huberflow``: a bundle, which ``mlflow.pyfunc`` loads and serves without pickle.

The served model needs mlflow, tensorflow, numpy and pandas, but not huberflow. ``load_model`` gives
the compiled Keras model back, with its custom objects.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

import mlflow
import mlflow.artifacts
import numpy as np
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.models.model import ModelInfo

from huberflow.components.bundle import reload
from huberflow.components.contracts.missing import MARKS, texts_of
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.tracking.mlflow_signature import COLUMNS, signature_of

if TYPE_CHECKING:
    import tf_keras

FLAVOR_NAME = "huberflow"

_CODE = Path(__file__).with_name("pyfunc_code.py")
_ARTIFACT = "saved_model"

Rows: TypeAlias = np.ndarray | Mapping[str, np.ndarray] | Sequence[np.ndarray]


class MlflowOptions(TypedDict, total=False):
    """Arguments that every flavor of MLflow takes."""

    signature: ModelSignature
    input_example: pd.DataFrame | np.ndarray | Mapping[str, np.ndarray]
    pip_requirements: Sequence[str] | str
    extra_pip_requirements: Sequence[str] | str
    conda_env: Mapping[str, JSON] | str
    code_paths: Sequence[str]
    metadata: Mapping[str, JSON]
    mlflow_model: Model


class LogOptions(MlflowOptions, total=False):
    """Arguments of ``save_model`` and of ``mlflow.models.Model.log``."""

    inputs: Rows
    labels: Rows
    sample_weight: Rows
    signatures: Mapping[str, object]
    lineage: JSON
    allow_ops: Collection[str]
    serving_signature: str
    registered_model_name: str
    await_registration_for: int
    params: Mapping[str, JSON]
    tags: Mapping[str, str]
    model_type: str
    step: int
    model_id: str


def save_model(
    model: "str | os.PathLike[str] | tf_keras.Model",
    path: str | os.PathLike[str],
    *,
    inputs: Rows | None = None,
    labels: Rows | None = None,
    sample_weight: Rows | None = None,
    signatures: Mapping[str, object] | None = None,
    lineage: JSON = None,
    allow_ops: Collection[str] = (),
    serving_signature: str | None = None,
    **options: Unpack[MlflowOptions],
) -> None:
    """Writes a bundle as a model of MLflow.

    Args:
      model: a bundle's folder; or a tf_keras model, of which a bundle is made first.
      path: a new folder.
      inputs: of a tf_keras model, see ``huberflow.save_bundle``; by default ``input_example``.
      labels: likewise.
      sample_weight: likewise.
      signatures: likewise.
      lineage: likewise.
      allow_ops: likewise.
      serving_signature: the signature that ``mlflow.pyfunc`` calls; by default ``columns`` where
        there is one, else ``serving_default``.
      **options: as ``mlflow.tensorflow`` takes them: ``signature``, ``input_example``,
        ``pip_requirements``, ``extra_pip_requirements``, ``conda_env``, ``code_paths``,
        ``metadata``, ``mlflow_model``.

    Raises:
      InputError: there are no rows for the bundle, or it has no such signature.
      ReloadError: the bundle is not as it was written.
      MlflowException: the folder is not empty, or an argument does not fit.

    Example::

        >>> import tempfile
        >>> import numpy as np
        >>> import tf_keras
        >>> import huberflow
        >>> model = tf_keras.Sequential([tf_keras.Input((2,)), tf_keras.layers.Dense(1)])
        >>> model.compile("adam", huberflow.HuberLoss(threshold=2.0))
        >>> inputs, labels = np.float32([[1, 2], [3, 4]]), np.float32([[1], [2]])
        >>> path = tempfile.mkdtemp()
        >>> huberflow.mlflow.save_model(model, path, inputs=inputs, labels=labels)
        >>> huberflow.mlflow.load_model(path).loss.threshold
        2.0

    Of a bundle: ``huberflow.mlflow.save_model("bundle", "model")``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        if isinstance(model, str | os.PathLike):
            bundle = _private_copy(Path(model), Path(temporary))
        else:
            bundle = Path(temporary, "bundle")
            rows = _rows(inputs, options.get("input_example"))
            from huberflow.components.bundle.save import save_bundle  # TensorFlow takes seconds

            given = (rows, labels, sample_weight, signatures, lineage)
            save_bundle(model, bundle, *given, allow_ops=allow_ops)
        certificate = reload.verify(bundle)
        served = _served(certificate, serving_signature)
        options.setdefault("signature", signature_of(certificate, served))
        if not {"pip_requirements", "conda_env"} & options.keys():
            extra = options.pop("extra_pip_requirements", [])
            extra = [f"-r {extra}"] if isinstance(extra, str) else extra
            options["pip_requirements"] = [*_requirements(certificate), *extra]
        write(bundle, path, served, **options)


def log_model(
    model: "str | os.PathLike[str] | tf_keras.Model",
    name: str | None = None,
    **options: Unpack[LogOptions],
) -> ModelInfo:
    """Logs a bundle as a model of the active run of MLflow; without one, of a new run.

    Args:
      model: see ``save_model``.
      name: the model's name in the run.
      **options: those of ``save_model``; and ``registered_model_name``, ``await_registration_for``,
        ``params``, ``tags``, ``model_type``, ``step`` and ``model_id``, as ``mlflow.tensorflow``
        takes them.

    Returns:
      MLflow's description of the model; its ``model_uri`` loads it.

    Raises:
      InputError, ReloadError, MlflowException: see ``save_model``.

    Example::

        with mlflow.start_run():
            huberflow.mlflow.log_model(model, "fares", inputs=x_validation, labels=y_validation)
    """
    return Model.log(
        artifact_path=None, name=name, flavor=sys.modules[__name__], model=model, **options
    )


def load_model(
    model_uri: str,
    dst_path: str | None = None,
    *,
    trainable: bool = True,
    allow_ops: Collection[str] = (),
) -> "tf_keras.Model":
    """The compiled tf_keras model with its custom objects, as it was when training ended.

    Args:
      model_uri: ``models:/taxi/3``, ``runs:/ID/model``, a folder, and so on.
      dst_path: a folder to download to; by default a temporary one.
      trainable: see ``huberflow.load``.
      allow_ops: likewise.

    Raises:
      InputError: the model has not the flavor ``huberflow``.
      ReloadError: see ``huberflow.load``.

    Example::

        >>> import tempfile
        >>> import numpy as np
        >>> import tf_keras
        >>> import huberflow
        >>> model = tf_keras.Sequential([tf_keras.Input((2,)), tf_keras.layers.Dense(1)])
        >>> model.compile("adam", huberflow.HuberLoss(threshold=2.0))
        >>> inputs, labels = np.float32([[1, 2], [3, 4]]), np.float32([[1], [2]])
        >>> path = tempfile.mkdtemp()
        >>> huberflow.mlflow.save_model(model, path, inputs=inputs, labels=labels)
        >>> huberflow.mlflow.load_model(path).loss.threshold
        2.0

    Of a registered model: ``huberflow.mlflow.load_model("models:/taxi@champion")``.
    """
    folder = mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=dst_path)
    saved_model = saved_model_in(Path(folder), model_uri)
    return reload.load(saved_model, trainable=trainable, allow_ops=allow_ops)


def write(
    saved_model: Path,
    path: str | os.PathLike[str],
    serving_signature: str,
    **options: Unpack[MlflowOptions],
) -> None:
    """Writes any SavedModel as a model of MLflow; ``save_model`` is for bundles.

    Args:
      saved_model: its folder.
      path: a new folder.
      serving_signature: the signature that ``mlflow.pyfunc`` calls.
      **options: see ``save_model``.

    Raises:
      MlflowException: see ``save_model``.
    """
    model = options.pop("mlflow_model", None) or Model()
    model.add_flavor(FLAVOR_NAME, version=version("huberflow"), signature=serving_signature)
    mlflow.pyfunc.save_model(
        path=path,
        python_model=_CODE,
        artifacts={_ARTIFACT: str(saved_model)},
        model_config={"signature": serving_signature, "missing": _marks(saved_model)},
        mlflow_model=model,
        # Where MLflow looks for a uv project to copy into the model; not in the user's folder.
        uv_project_path=saved_model,
        **options,
    )


def _marks(saved_model: Path) -> list[str]:
    """Texts in place of a missing number, in lower case."""
    file = saved_model / reload.layout.CERTIFICATE
    certificate = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return ["", *MARKS, *(text.lower() for text in texts_of(certificate.get("training")))]


def saved_model_in(folder: Path, reference: str) -> Path:
    """The SavedModel in the folder of a model that ``write`` wrote.

    Raises:
      InputError: the model has another flavor; the error names it by ``reference``.
    """
    flavors = Model.load(folder).flavors
    if FLAVOR_NAME not in flavors:
        raise InputError(
            reference,
            expected="a model that huberflow exported",
            received=f"one of the flavors {', '.join(flavors)}",
        )
    return folder / str(flavors["python_function"]["artifacts"][_ARTIFACT]["path"])


def _private_copy(bundle: Path, folder: Path) -> Path:
    """A copy below ``folder``, which nobody changes between its verification and MLflow's copy."""
    if not bundle.is_dir():
        return bundle
    return Path(shutil.copytree(bundle, folder / bundle.resolve().name, symlinks=True))


def _rows(inputs: Rows | None, example: object) -> object:
    """The rows for the bundle."""
    rows = inputs if inputs is not None else example
    if rows is None or isinstance(rows, pd.DataFrame):
        raise InputError(
            "inputs",
            expected="some rows, for which the bundle holds the model's values",
            received="none",
            write="log_model(model, inputs=x_validation, labels=y_validation)",
        )
    return rows


def _served(certificate: reload.Certificate, name: str | None) -> str:
    """The signature that is served."""
    names = list(certificate["signatures"])
    chosen = name or next((each for each in (COLUMNS, "serving_default") if each in names), None)
    if chosen not in names:
        raise InputError(
            "serving_signature",
            expected=f"one of {', '.join(names)}",
            received=repr(name),
            write=f'serving_signature="{names[0]}"' if names else None,
        )
    return str(chosen)


def _requirements(certificate: reload.Certificate) -> list[str]:
    """What the served model imports, and what the custom objects of the bundle need."""
    versions = {name: version(name) for name in ("mlflow", "numpy", "pandas")}
    versions["tensorflow"] = certificate["versions"]["tensorflow"]
    versions["tf-keras"] = certificate["versions"]["tf_keras"]
    versions |= {each["name"]: each["version"] for each in certificate["source"]["requirements"]}
    return [f"{name}=={exact}" for name, exact in versions.items()]
