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


def resolve(candidate: int, models: list[int], blessings: list[ModelBlessing], **config):
    found = {
        "candidate": [model(candidate)],
        "model": [model(number) for number in models],
        "blessing": blessings,
    }
    return LastBlessedOther(**config).resolve_artifacts(None, found)


def baseline(
    candidate: int, models: list[int], blessings: list[ModelBlessing], **config
) -> int | None:
    """The id of the model to beat."""
    ids = [found.id for found in resolve(candidate, models, blessings, **config)["model"]]
    assert len(ids) <= 1
    return ids[0] if ids else None


class TestBaseline:
    def test_is_the_model_blessed_last(self):
        assert baseline(4, [1, 2, 3, 4], [blessing(11, of=1), blessing(12, of=2)]) == 2

    def test_is_none_at_first(self):
        assert baseline(1, [1], []) is None
        assert baseline(1, [], []) is None

    def test_is_never_the_candidate_itself(self):
        """A second run with nothing changed: the candidate is the model blessed last."""
        assert baseline(2, [1, 2], [blessing(11, of=1), blessing(12, of=2)]) == 1
        assert baseline(1, [1], [blessing(11, of=1)]) is None

    def test_was_blessed(self):
        blessings = [blessing(11, of=1), blessing(12, of=2, blessed=False)]
        assert baseline(3, [1, 2, 3], blessings) == 1
        assert baseline(3, [2, 3], [blessing(12, of=2, blessed=False)]) is None

    def test_is_blessed_last_not_trained_last(self):
        """Model 1 was judged again after model 2."""
        assert baseline(3, [1, 2, 3], [blessing(11, of=2), blessing(12, of=1)]) == 1

    def test_is_still_there(self):
        """Artifacts that were deleted are not among the models."""
        assert baseline(3, [1, 3], [blessing(11, of=1), blessing(12, of=2)]) == 1

    @pytest.mark.parametrize("turn", [1, -1])
    def test_does_not_depend_on_the_order_in_which_they_are_found(self, turn):
        blessings = [blessing(11, of=1), blessing(12, of=2), blessing(13, of=3)]
        assert baseline(4, [1, 2, 3, 4][::turn], blessings[::turn]) == 3

    def test_comes_with_its_blessing_and_leaves_the_candidate(self):
        found = resolve(3, [1, 2, 3], [blessing(11, of=1), blessing(12, of=2)])
        assert [b.id for b in found["blessing"]] == [12]
        assert [m.id for m in found["candidate"]] == [3]

    def test_every_key_is_there_without_one(self):
        found = resolve(1, [1], [])
        assert {key: len(value) for key, value in found.items()} == {
            "candidate": 1,
            "model": 0,
            "blessing": 0,
        }


class TestOfASweep:
    """All its runs are held against the model that was blessed last when it began."""

    BLESSINGS = (blessing(11, of=1), blessing(12, of=2), blessing(20, of=3))

    @pytest.mark.parametrize(("newest", "model"), [(20, 3), (19, 2), (12, 2), (11, 1), (10, None)])
    def test_is_no_newer_than_the_sweep(self, newest, model):
        assert baseline(4, [1, 2, 3, 4], [*self.BLESSINGS], newest=newest) == model

    def test_is_the_same_for_a_point_that_an_earlier_one_was_blessed_before(self):
        first = baseline(3, [1, 2, 3], [*self.BLESSINGS[:2]], newest=12)
        second = baseline(4, [1, 2, 3, 4], [*self.BLESSINGS], newest=12)
        assert first == second == 2

    def test_of_a_new_workspace_is_none(self):
        assert baseline(4, [3, 4], [self.BLESSINGS[-1]], newest=0) is None
