"""Selects the tracking server of a run."""

import os

from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.tracker import Tracker


def store_uri(tracking: Tracking, workspace: Workspace) -> str:
    """The config's server, else ``MLFLOW_TRACKING_URI``, else SQLite in the workspace."""
    default = f"sqlite:///{workspace.tracking / 'mlflow.db'}"
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def connect(uri: str, workspace: Workspace) -> Tracker:
    """The tracker at an address, which is reached with the first call; imports MLflow."""
    from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker

    return MlflowTracker(uri, artifacts=workspace.tracking / "artifacts")
