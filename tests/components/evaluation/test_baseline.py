"""Which model a candidate has to beat."""

from __future__ import annotations

import pytest
from tfx.types.standard_artifacts import Model, ModelBlessing

from huberflow.components.evaluation.baseline import LastBlessedOther


def model(number: int) -> Model:
    made = Model()
    made.id = number
    return made


def blessing(number: int, of: int, *, blessed: bool = True) -> ModelBlessing:
    """The Evaluator's verdict on the model ``of``."""
    made = ModelBlessing()
    made.id = number
    made.set_int_custom_property("current_model_id", of)
    made.set_int_custom_property("blessed", int(blessed))
    return made


def resolve(candidate: int, models, blessings, **config) -> dict[str, list[int]]:
    """Ids by key."""
    inputs = {
        "candidate": [model(candidate)],
        "model": [model(number) for number in models],
        "blessing": list(blessings),
    }
    resolved = LastBlessedOther(**config).resolve_artifacts(None, inputs)
    return {key: [artifact.id for artifact in group] for key, group in resolved.items()}


FIRST, SECOND, THIRD = blessing(11, of=1), blessing(12, of=2), blessing(20, of=3)
REFUSED = blessing(12, of=2, blessed=False)


class TestBaseline:
    @pytest.mark.parametrize("order", [1, -1])
    def test_is_the_model_blessed_last_with_its_blessing(self, order):
        models, blessings = [1, 2, 3, 4][::order], [FIRST, SECOND, THIRD][::order]
        assert resolve(4, models, blessings) == {"candidate": [4], "model": [3], "blessing": [20]}

    @pytest.mark.parametrize("models", [[1], []])
    def test_is_none_at_first(self, models):
        assert resolve(1, models, []) == {"candidate": [1], "model": [], "blessing": []}

    @pytest.mark.parametrize(
        ("candidate", "models", "blessings", "found"),
        [
            (2, [1, 2], [FIRST, SECOND], [1]),
            (1, [1], [FIRST], []),
            (3, [1, 2, 3], [FIRST, REFUSED], [1]),
            (3, [2, 3], [REFUSED], []),
            (3, [1, 2, 3], [blessing(11, of=2), blessing(12, of=1)], [1]),
            (3, [1, 3], [FIRST, SECOND], [1]),
        ],
        ids=[
            "never_the_candidate_itself",
            "none_where_only_the_candidate_was_blessed",
            "one_that_was_blessed",
            "none_where_none_was_blessed",
            "blessed_last_not_trained_last",
            "not_a_deleted_one",
        ],
    )
    def test_is(self, candidate, models, blessings, found):
        assert resolve(candidate, models, blessings)["model"] == found

    @pytest.mark.parametrize(
        ("newest", "found"), [(20, [3]), (19, [2]), (12, [2]), (11, [1]), (10, []), (0, [])]
    )
    def test_of_a_sweep_is_no_newer_than_it(self, newest, found):
        blessings = [FIRST, SECOND, THIRD]
        assert resolve(4, [1, 2, 3, 4], blessings, newest=newest)["model"] == found

    def test_of_a_trial_is_not_an_earlier_trial(self):
        first = resolve(3, [1, 2, 3], [FIRST, SECOND], newest=12)
        second = resolve(4, [1, 2, 3, 4], [FIRST, SECOND, THIRD], newest=12)
        assert first["model"] == second["model"] == [2]
