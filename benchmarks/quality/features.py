"""What ``preprocessing_fn`` makes of a table, in NumPy: without Beam, a table takes no minute."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from huberflow.components.contracts.features import INDICES, NUMBERS, FeaturesConfig


@dataclass(frozen=True)
class Features:
    """The tensors of some rows, and the rows of the embedding table."""

    tensors: Mapping[str, np.ndarray]
    table_rows: int


def transform(rows: pd.DataFrame, train: np.ndarray, config: FeaturesConfig) -> Features:
    """The features of all rows; statistics and vocabulary are those of the train rows.

    Args:
      rows: without dates.
      train: the places of the train rows.
      config: how each column is used.
    """
    tensors, entries = {}, []
    if config.numeric or config.cyclic:
        numbers = _numbers(rows, list(config.numeric))
        parts = [*_standardised(numbers, train), *_circles(rows, config.cyclic)]
        tensors[NUMBERS] = np.concatenate(
            [*parts, *_piecewise_linear(numbers, train, config.bins)], axis=1
        )
    if config.embedded:
        words = _entries(rows, config.embedded)
        entries = _vocabulary(words[train], config.vocabulary_size)
        tensors[INDICES] = pd.Index(entries).get_indexer(words.ravel()).reshape(words.shape)
        tensors[INDICES] = np.where(tensors[INDICES] < 0, len(entries), tensors[INDICES])
    return Features(tensors, len(entries) + 1 if config.embedded else 0)


def _numbers(rows: pd.DataFrame, columns: list[str]) -> np.ndarray:
    return rows[columns].to_numpy(np.float64).astype(np.float32)


def _standardised(numbers: np.ndarray, train: np.ndarray) -> list[np.ndarray]:
    mean = np.nanmean(numbers[train], axis=0)
    deviation = np.nanstd(numbers[train], axis=0)
    values = (numbers - mean) / np.where(deviation > 0, deviation, 1)
    return [np.nan_to_num(values, nan=0.0), np.isnan(numbers).astype(np.float32)]


def _piecewise_linear(numbers: np.ndarray, train: np.ndarray, bins: int) -> list[np.ndarray]:
    if not bins:
        return []
    ranks = np.arange(1, bins + 2) / (bins + 2)
    encoded = []
    for column in numbers.T:
        known = np.sort(np.nan_to_num(column[train], nan=np.finfo(np.float32).max))
        edges = known[(ranks * len(known)).astype(int)].astype(np.float64)
        above, width = column[:, np.newaxis] - edges[:-1], np.diff(edges)
        share = np.clip(above / np.where(width > 0, width, 1), 0, 1)
        encoded.append(np.nan_to_num(np.where(width > 0, share, above > 0), nan=0.0))
    return encoded


def _circles(rows: pd.DataFrame, cyclic: Mapping[str, float]) -> list[np.ndarray]:
    angle = _numbers(rows, list(cyclic)) * np.float32(
        [2 * np.pi / each for each in cyclic.values()]
    )
    return [np.nan_to_num(f(angle), nan=0.0) for f in (np.sin, np.cos)]


def _entries(rows: pd.DataFrame, columns: list[str]) -> np.ndarray:
    words = {name: f"{name}=" + rows[name].astype("string").fillna("") for name in columns}
    return pd.DataFrame(words).to_numpy(str)


def _vocabulary(words: np.ndarray, size: int) -> list[str]:
    """The most frequent words, of equally frequent ones the last in the alphabet, as in TFT."""
    found, counts = np.unique(words, return_counts=True)
    order = np.lexsort((found, counts))[::-1]
    return found[order][:size].tolist()
