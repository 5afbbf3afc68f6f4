"""Which tracking server a run goes to."""

import os

from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.tracker import Tracker


def store_uri(tracking: Tracking, workspace: Workspace) -> str:
    """The config's server, else ``MLFLOW_TRACKING_URI``, else SQLite in the workspace."""
    ours = f"sqlite:///{workspace.tracking / 'mlflow.db'}"
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or ours


def connect(uri: str, workspace: Workspace) -> Tracker:
    """A tracker for this address; imports MLflow.

    Raises:
      TrackingError: the server cannot be reached.
    """
    from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker

    return MlflowTracker(uri, artifacts=workspace.tracking / "artifacts")
