"""A model that is there as a SavedModel alone is bundled as well, and goes on as the one in memory.

Layers make no difference here: these are the kinds that Keras saves, loads or compiles in another
way.
"""

from pathlib import Path

import matrix_objects
import model_matrix
import pytest
import reloaded_matrix
import tf_keras

from huberflow.components.bundle import bundle, reload

GROUPS = (
    "Answers",
    "Losses, metrics and weights",
    "Forms of a model",
    "Precisions",
    "Attention",
)
KINDS = {name: make for group in GROUPS for name, make in model_matrix.KINDS[group].items()}
OWN = {
    name: each
    for name, each in vars(matrix_objects).items()
    if getattr(each, "__module__", None) == "matrix_objects"
}
"""As ``huberflow bundle`` finds those that are not registered: by their names in the module."""


@pytest.mark.parametrize("kind", KINDS)
def test_proves_all_that_it_has_and_trains_on(kind: str, tmp_path: Path) -> None:
    case = KINDS[kind]()
    rows = case.inputs, case.labels, case.sample_weight
    quiet = {"batch_size": reloaded_matrix.BATCH, "verbose": 0}
    case.model.fit(
        case.inputs,
        case.labels,
        sample_weight=case.sample_weight,
        class_weight=case.class_weight,
        **quiet,
    )
    case.model.save(tmp_path / "saved", save_format="tf")
    with tf_keras.utils.custom_object_scope(OWN):
        bundle.capture_saved(
            tmp_path / "saved",
            tmp_path / "captured",
            inputs=case.inputs,
            labels=case.labels,
            sample_weight=case.sample_weight,
        )
    made = bundle.assemble(tmp_path / "saved", tmp_path / "captured", tmp_path / "bundle", None)
    assert "Does not prove" not in made["proof"]["statement"]
    assert made["proof"]["model"] == "exporting process"
    assert reload.check(tmp_path / "bundle")["ok"]
    here = reloaded_matrix.done(reload, case.model, rows, case.class_weight)
    again = reload.load(tmp_path / "bundle")
    there = reloaded_matrix.done(reload, again, rows, case.class_weight)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name].tobytes() != there[name].tobytes()] == []


def test_are_at_least_twenty() -> None:
    assert len(KINDS) >= 20
