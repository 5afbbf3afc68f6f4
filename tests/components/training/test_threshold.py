"""The threshold that is chosen for an aim, beside scikit-learn's measures of each threshold."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn import metrics

from huberflow.components.contracts.threshold import Threshold, ThresholdAim
from huberflow.components.training.threshold import best_threshold, chosen_threshold
from huberflow.custom_objects.input_error import InputError

MEASURES = {
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
}


def rows(seed=1, count=80):
    """Rare positives, some probabilities equal, and weights."""
    random = np.random.default_rng(seed)
    truth = (random.random(count) < 0.2).astype(np.float32)
    probabilities = np.clip(0.3 * truth + random.normal(0.3, 0.2, count), 0, 1)
    return truth, np.round(probabilities, 2).astype(np.float32), random.uniform(0.5, 2, count)


def measured(truth, probabilities, weights, threshold):
    answered = probabilities >= np.float32(threshold)
    by_weight = {"sample_weight": weights, "y_pred": answered, "y_true": truth}
    return {name: measure(**by_weight) for name, measure in MEASURES.items()}


def every(given):
    """The measures of all thresholds that tell rows apart."""
    return [measured(*given, each) for each in np.unique(given[1])]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "asked",
    [
        ThresholdAim(aim="f1"),
        ThresholdAim(aim="balanced_accuracy"),
        ThresholdAim(aim="recall", at_least=0.9),
        ThresholdAim(aim="precision", at_least=0.5),
    ],
    ids=lambda asked: asked.aim,
)
def test_no_other_threshold_serves_the_aim_better(asked, seed):
    given = rows(seed)
    found = best_threshold(*given, "yes", asked)
    here = measured(*given, found.value)
    assert {name: getattr(found, name) for name in MEASURES} == pytest.approx(here)
    assert (found.rows, found.class_name) == (80, "yes")
    others, wanted = every(given), asked.aim
    if asked.at_least is not None:
        assert here[asked.aim] >= asked.at_least
        others = [each for each in others if each[asked.aim] >= asked.at_least]
        (wanted,) = {"precision", "recall"} - {asked.aim}
    assert here[wanted] == pytest.approx(max(each[wanted] for each in others))


def test_what_no_threshold_reaches_is_refused_with_what_one_does():
    truth, probabilities, weights = np.float32([0, 1, 1]), np.float32([0.9, 0.8, 0.7]), np.ones(3)
    asked = ThresholdAim(aim="precision", at_least=0.8)
    with pytest.raises(InputError) as raised:
        best_threshold(truth, probabilities, weights, "yes", asked)
    write = "--set model.threshold.at_least=0.666"
    assert write in str(raised.value)
    reachable = ThresholdAim(aim="precision", at_least=0.666)
    assert best_threshold(truth, probabilities, weights, "yes", reachable).recall == 1


def test_rows_of_one_class_are_refused():
    one = np.float32([1, 1])
    with pytest.raises(InputError, match="both classes"):
        best_threshold(one, one / 2, one, "yes", ThresholdAim(aim="f1"))


def test_a_model_is_asked_for_all_blocks_of_rows():
    truth, probabilities, weights = rows()
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, use_bias=False)])
    model.build((None, 1))
    model.set_weights([np.ones((1, 1), np.float32)])
    columns = probabilities[:, np.newaxis], truth, weights.astype(np.float32)
    blocks = tf.data.Dataset.from_tensor_slices(columns).batch(30)
    asked = ThresholdAim(aim="f1")
    found = chosen_threshold(model, blocks, "yes", asked)
    expected = best_threshold(truth, probabilities, weights, "yes", asked)
    assert found.value == expected.value
    assert Threshold.from_text(found.to_text()) == found
    for part in ("yes", f"{found.value:.4g}", "80", "F1"):
        assert part in found.line
