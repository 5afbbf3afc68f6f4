"""The flavor ``huberflow`` of MLflow: models with their custom objects, without pickle."""

from huberflow.installation.extras import missing_extra_named

with missing_extra_named("huberflow.mlflow", "mlflow"):
    from huberflow.pipeline.tracking.mlflow_flavor import (
        FLAVOR_NAME,
        load_model,
        log_model,
        save_model,
    )

__all__ = ["FLAVOR_NAME", "load_model", "log_model", "save_model"]
