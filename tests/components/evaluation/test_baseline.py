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


ALL = [FIRST, SECOND, THIRD]


@pytest.mark.parametrize(
    ("candidate", "models", "blessings", "config", "found"),
    [
        (4, [1, 2, 3, 4], ALL, {}, [3]),
        (4, [4, 3, 2, 1], ALL[::-1], {}, [3]),
        (1, [1], [], {}, []),
        (1, [], [], {}, []),
        (2, [1, 2], [FIRST, SECOND], {}, [1]),  # never the candidate itself
        (1, [1], [FIRST], {}, []),
        (3, [1, 2, 3], [FIRST, REFUSED], {}, [1]),
        (3, [2, 3], [REFUSED], {}, []),
        (3, [1, 2, 3], [blessing(11, of=2), blessing(12, of=1)], {}, [1]),  # not trained last
        (3, [1, 3], [FIRST, SECOND], {}, [1]),  # not a deleted one
        *(
            (4, [1, 2, 3, 4], ALL, {"newest": newest}, found)
            for newest, found in [(20, [3]), (19, [2]), (12, [2]), (11, [1]), (10, []), (0, [])]
        ),
        (3, [1, 2, 3], [FIRST, SECOND], {"newest": 12}, [2]),
    ],
)
def test_the_baseline_is(candidate, models, blessings, config, found):
    resolved = resolve(candidate, models, blessings, **config)
    assert (resolved["candidate"], resolved["model"]) == ([candidate], found)
    assert len(resolved["blessing"]) == len(found)
