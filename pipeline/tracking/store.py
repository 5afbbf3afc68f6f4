"""Selects the tracking server of a run."""

import os
from pathlib import Path

from huberflow.installation.extras import MissingExtraError, missing_extra_named
from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.tracker import Tracker, TrackingError


def store_uri(tracking: Tracking, workspace: Workspace) -> str:
    """The config's server, else ``MLFLOW_TRACKING_URI``, else SQLite in the workspace."""
    default = f"sqlite:///{workspace.tracking / 'mlflow.db'}"
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def default_uri() -> str:
    """MLflow's own default, outside a workspace: its variable, else a database in this folder.

    So `mlflow ui` shows the same runs, and MLflow's functions in the same script log to them.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"


def connect(uri: str, artifacts: Path | None = None) -> Tracker:
    """The tracker at an address, which is reached with the first call; imports MLflow.

    Args:
      uri: of a server or a database.
      artifacts: the folder for artifacts of new experiments in a database; None: MLflow's default.

    Raises:
      TrackingError: MLflow is not installed.
    """
    try:
        with missing_extra_named("tracking"):
            from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker
    except MissingExtraError as error:
        raise TrackingError(str(error)) from error

    return MlflowTracker(uri, artifacts)
