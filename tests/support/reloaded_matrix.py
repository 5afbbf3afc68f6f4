"""What a model does: asked of each model of ``model_matrix`` where it was trained, and elsewhere.

Run as a script where only TensorFlow and tf_keras are installed, it loads the bundles whose folders
it reads from its input, and writes what each does beside it.
"""

import importlib.util
import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

BATCH = 8
RESULT, FAILURE = "result.npz", "failure.txt"


def done(
    reload: ModuleType, model: tf_keras.Model, rows: Any, class_weight: Mapping[int, float] | None
) -> dict[str, np.ndarray]:
    """What it predicts, how it is evaluated, and what two further epochs make of it.

    Args:
      reload: the loader.
      model: trained.
      rows: inputs, labels and weights.
      class_weight: of ``fit``.
    """
    quiet = {"batch_size": BATCH, "verbose": 0}
    x, y, sample_weight = rows
    with reload.deterministic_sums():
        predicted = model.predict(x, **quiet)
        evaluated = model.evaluate(x, y, sample_weight=sample_weight, return_dict=True, **quiet)
        resumed = model.fit(
            x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            epochs=2,
            shuffle=False,
            **quiet,
        )
    return {
        **reload.arrays.flat("predict", predicted),
        **reload.arrays.flat("evaluate", evaluated),
        **{f"resume/history/{name}": np.array(each) for name, each in resumed.history.items()},
        **reload.arrays.flat("resume/weights", _arrays(model)),
        **reload.arrays.flat(
            "resume/optimizer",
            [each.numpy() for each in reload.resuming.optimizer_variables(model)],
        ),
    }


def _arrays(model: tf_keras.Model) -> list[np.ndarray]:
    """The model's variables; of a lookup layer Keras lists a vocabulary, which is none."""
    return [each.numpy() for each in model.variables if isinstance(each, tf.Variable)]


def main() -> None:
    """Answers for one bundle a line: its folder, and the class weights to train with."""
    for line in sys.stdin:
        folder, class_weight = json.loads(line)
        try:
            np.savez(Path(folder, RESULT), **_reloaded(Path(folder, "bundle"), class_weight))
        except Exception:
            Path(folder, FAILURE).write_text(traceback.format_exc())


def _reloaded(bundle: Path, class_weight: Mapping[str, float] | None) -> dict[str, np.ndarray]:
    reload = _loader(bundle / "assets.extra" / "reload.py")
    checked = reload.check(bundle)
    golden = reload.golden(bundle)
    weights = {int(label): weight for label, weight in (class_weight or {}).items()} or None
    values = done(reload, reload.load(bundle), golden[:3], weights)
    wrong = [
        reload.comparing.in_words(*each)
        for each in checked["values"].items()
        if each[1]["absolute"]
    ]
    return {**values, "check": np.array(wrong, str), "held": np.array([*golden.values], str)}


def _loader(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reload", file)
    assert spec is not None
    assert spec.loader is not None
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    return loader


if __name__ == "__main__":
    main()
