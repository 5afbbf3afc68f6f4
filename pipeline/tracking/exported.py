"""The exported SavedModel as a folder that MLflow loads, serves and registers; without pickle."""

import tempfile
from importlib.metadata import version
from pathlib import Path

from huberflow.pipeline.tracking import port

_CODE = Path(__file__).with_name("saved_model_from_code.py")
_REQUIREMENTS = ("mlflow", "tensorflow", "numpy", "pandas")


def save(model: port.ExportedModel, folder: Path) -> None:
    """Writes a model of MLflow's pyfunc flavor, which needs nothing of ours to be loaded.

    Its signature names the columns as optional and of type Any, and its metadata has their types:
    for ``double`` MLflow refuses a table with whole numbers (int64), and for ``string`` it reads
    null in ``{"inputs": …}`` as the text "None". The model itself converts and refuses. The price:
    MLflow's server then takes rows as JSON only, not as CSV.

    Args:
      model: the SavedModel, and what is known of it.
      folder: to be made; it is there only when it is whole.

    Raises:
      MlflowException: the SavedModel cannot be read, or the example is none of its columns.
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
