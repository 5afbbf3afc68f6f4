"""The formulas once more, in NumPy and float64, in another form than the code's."""

import numpy as np


def huber(error, threshold):
    """½e² where |e| < t, elsewhere t·|e| - ½t²."""
    magnitude = np.abs(np.asarray(error, np.float64))
    linear = threshold * magnitude - 0.5 * threshold**2
    return np.where(magnitude < threshold, 0.5 * magnitude**2, linear)


def custom_mse(y_true, y_pred, factor):
    """(y - p)² + factor·(½ - p)², before any mean."""
    y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    return (y_true - y_pred) ** 2 + factor * (0.5 - y_pred) ** 2


def per_sample(values):
    """Mean over the last axis; one scalar per sample stays as it is."""
    return values if values.ndim == 1 else values.mean(axis=-1)


def weighted(values, weight):
    """Values times weight, axes matched from the left, as sample weights are meant."""
    weight = np.asarray(weight, np.float64)
    missing = values.ndim - weight.ndim if weight.ndim else 0
    return values * weight.reshape(weight.shape + (1,) * missing)
