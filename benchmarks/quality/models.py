"""Trains huberflow's model and scikit-learn's on the same columns and rows of a table."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import tf_keras
from sklearn import ensemble, metrics
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from benchmarks.quality import features
from benchmarks.quality.tables import Table
from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.training.train_model import train_model
from huberflow.pipeline.config import Config
from huberflow.pipeline.dag.node_config import trainer_config
from huberflow.pipeline.resolve.resolved_run import resolve_config

SHARES = (0.6, 0.1)
"""Of the rows, for training and for early stopping; the rest is for the comparison."""

Predict = Callable[[np.ndarray], np.ndarray]
"""The predictions of rows by their places: numbers, or probabilities by class."""


@dataclass(frozen=True)
class Problem:
    """A table as huberflow reads it."""

    config: Config
    """The defaults for the table."""
    rows: pd.DataFrame
    """The columns that huberflow uses."""
    truth: np.ndarray
    """Numbers, or the places of the classes in ``data.classes``."""

    def error(self, places: np.ndarray, predictions: np.ndarray) -> float:
        """The mean absolute error of numbers, the log loss of classes."""
        if not self.config.data.classes:
            return float(metrics.mean_absolute_error(self.truth[places], predictions))
        classes = range(len(self.config.data.classes))
        return float(metrics.log_loss(self.truth[places], predictions, labels=classes))


@dataclass(frozen=True)
class Split:
    """The places of the rows for each purpose."""

    train: np.ndarray
    validation: np.ndarray
    eval: np.ndarray

    @classmethod
    def of(cls, rows: int, seed: int) -> "Split":
        """A random split, another one for each seed."""
        train, validation = SHARES
        drawn = np.random.default_rng(seed).random(rows)
        cuts = (drawn >= train).astype(int) + (drawn >= train + validation)
        return cls(*(np.flatnonzero(cuts == cut) for cut in range(3)))


def problem(table: Table) -> Problem:
    """Profiles the table, and chooses everything as ``huberflow run`` would for it."""
    rows = table.read()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        rows.to_csv(path, index=False)
        asked = [f"workspace={folder}", f"data.path={path}", f"data.label={table.label}"]
        config = resolve_config(None, [*asked, *table.settings]).config
        rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    truth, classes = rows[table.label], list(config.data.classes)
    if classes:
        truth = truth.astype(str).map({name: place for place, name in enumerate(classes)})
    return Problem(config, rows[config.features.columns()], truth.to_numpy())


def huberflow(given: Problem, split: Split, seed: int) -> Predict:
    """Huberflow's model with its defaults: early stopping by the validation rows."""
    config = trainer_config(given.config.model_copy(update={"seed": seed}), None)
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(seed)
    made = features.transform(given.rows, split.train, config.features)

    def at(places: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[places] for name, values in made.tensors.items()}

    def block(places: np.ndarray) -> tf.data.Dataset:
        labels = given.truth[places].astype(np.float32)
        return tf.data.Dataset.from_tensors((at(places), labels)).cache()

    train, validation = block(split.train), block(split.validation)
    with tempfile.TemporaryDirectory() as folder:
        model = train_model(
            config, train, validation, table_rows=made.table_rows, log_dir=Path(folder)
        )

    def predict(places: np.ndarray) -> np.ndarray:
        found = model.predict(at(places), batch_size=4096, verbose=0).astype(np.float64)
        if not given.config.data.classes:
            return found[:, 0]
        found = np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found
        return found / found.sum(axis=1, keepdims=True)

    return predict


def boosting(given: Problem, split: Split, seed: int) -> Predict:
    """scikit-learn's HistGradientBoosting, which is told which columns are categories."""
    made = _columns(given, split, missing=np.nan)
    features = given.config.features
    categories = np.isin(given.rows.columns, [*features.categorical, *features.boolean])
    categories &= np.nanmax(made[split.train], axis=0, initial=0) < 255  # its limit
    kind = "Classifier" if given.config.data.classes else "Regressor"
    model = getattr(ensemble, f"HistGradientBoosting{kind}")(
        random_state=seed, categorical_features=categories
    )
    return _fitted(model, given, split, made)


def forest(given: Problem, split: Split, seed: int) -> Predict:
    """scikit-learn's RandomForest; a missing value is a number far from the others."""
    kind = "Classifier" if given.config.data.classes else "Regressor"
    model = getattr(ensemble, f"RandomForest{kind}")(random_state=seed, n_jobs=os.cpu_count())
    return _fitted(model, given, split, _columns(given, split, missing=-1e9))


CONTENDERS: Mapping[str, Callable[[Problem, Split, int], Predict]] = {
    "huberflow": huberflow,
    "boosting": boosting,
    "forest": forest,
}


@dataclass(frozen=True)
class Score:
    """The error of a model on the eval rows, and the seconds that its training took."""

    error: float
    seconds: float


def score(name: str, given: Problem, seed: int) -> Score:
    """Trains one of ``CONTENDERS`` on the split of a seed."""
    split = Split.of(len(given.rows), seed)
    start = time.perf_counter()
    # Where other processes work too, OpenMP's threads would mostly wait for each other.
    with threadpool_limits(1, user_api="openmp"):
        predict = CONTENDERS[name](given, split, seed)
    seconds = time.perf_counter() - start
    return Score(given.error(split.eval, predict(split.eval)), seconds)


def _columns(given: Problem, split: Split, missing: float) -> np.ndarray:
    """Numbers as they are, categories by number; the tree models take both."""
    uses: FeaturesConfig = trainer_config(given.config, None).features
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    rows, names = given.rows.copy(), uses.embedded
    if names:
        encoder.fit(rows.iloc[split.train][names].astype("object"))
        rows[names] = encoder.transform(rows[names].astype("object"))
    made = rows.to_numpy(np.float64)
    return np.where(np.isnan(made), missing, made)


def _fitted(
    model: ensemble.RandomForestClassifier | ensemble.HistGradientBoostingClassifier,
    given: Problem,
    split: Split,
    columns: np.ndarray,
) -> Predict:
    """Fitted on train and validation rows together: trees need none to stop."""
    places = np.concatenate([split.train, split.validation])
    model.fit(columns[places], given.truth[places])

    def predict(places: np.ndarray) -> np.ndarray:
        if not given.config.data.classes:
            return model.predict(columns[places])
        found = np.zeros((len(places), len(given.config.data.classes)))
        found[:, model.classes_] = model.predict_proba(columns[places])
        return found

    return predict
