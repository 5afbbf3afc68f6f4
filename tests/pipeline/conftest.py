"""What several of these tests need."""

import pytest


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """MLflow's database without a run, to be copied: it takes seconds to create one."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def scorer(bundle):
    """The small bundle, ready to predict."""
    from huberflow.pipeline.deploy.scorer import Scorer

    return Scorer(bundle)
