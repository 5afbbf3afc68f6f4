"""Writes an exported SavedModel as an MLflow pyfunc model: loaded and served without pickle."""

import tempfile
from importlib.metadata import version
from pathlib import Path

from huberflow.pipeline.tracking.tracker import ExportedModel

_CODE = Path(__file__).with_name("pyfunc_code.py")
_REQUIREMENTS = ("mlflow", "tensorflow", "numpy", "pandas")


def save(model: ExportedModel, folder: Path) -> None:
    """Writes a model of MLflow's pyfunc flavor, which is loaded without huberflow.

    Its signature declares every column as optional and of type Any; the types are in its metadata.
    For ``double`` MLflow would refuse a table with whole numbers (int64), and for ``string`` it
    would read null in ``{"inputs": …}`` as the text "None". The model converts and validates
    instead. The price: MLflow's server then takes rows as JSON only, not as CSV.

    Args:
      model: the SavedModel, its columns and example rows.
      folder: the folder to create; it appears only when it is complete.

    Raises:
      MlflowException: the SavedModel cannot be read, or the example does not fit its columns.
    """
    import mlflow
    import pandas as pd
    from mlflow.types.schema import AnyType, ColSpec, Schema

    types = {column.name: column.type for column in model.inputs}
    inputs = Schema([ColSpec(AnyType(), name, required=False) for name in types])
    outputs = Schema([ColSpec(column.type, column.name) for column in model.outputs])
    example = pd.DataFrame(model.example, columns=list(types), dtype=object)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        mlflow.pyfunc.save_model(
            path=Path(aside, "model"),
            python_model=_CODE,
            artifacts={"saved_model": str(model.folder)},
            signature=mlflow.models.ModelSignature(inputs, outputs),
            # None, where pandas has NaN, which JSON has not.
            input_example=example.where(example.notna(), None) if len(example) else None,
            metadata={"columns": types},
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
            # Where MLflow looks for a uv project to copy into the model; not in the user's folder.
            uv_project_path=model.folder,
        )
        Path(aside, "model").rename(folder)
