"""A copied bundle works where only TensorFlow and tf_keras are installed."""

import json
import shutil
import types

import pytest
from bare_environment import BareEnvironment
from small_bundles import bundled, trained

from huberflow.components.bundle import reload

MISSING = ["tfx", "mlflow", "tensorflow_transform", "pandas", "huberflow"]

USERS_SCRIPT = """
import json
from pathlib import Path
from reload import golden, load, deterministic_sums

here = Path("model")
inputs, labels = golden(here)[:2]
with deterministic_sums():
    model = load(here)
    predicted = model.predict(inputs, batch_size=96, verbose=0)
    evaluated = model.evaluate(inputs, labels, verbose=0, return_dict=True)
    losses = [float(model.train_on_batch(inputs, labels)[0]) for _ in range(2)]
print(json.dumps({
    "predicted": predicted.tolist(),
    "evaluated": evaluated,
    "losses": losses,
}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return BareEnvironment(tmp_path_factory.mktemp("bare") / "environment")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """What the model in memory says after its export, and the folder that holds a copy of it."""
    model = trained()
    path = bundled(model, tmp_path_factory.mktemp("original"))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(path, elsewhere / "model")
    inputs, label = reload.golden(elsewhere / "model")[:2]
    with reload.deterministic_sums():
        return types.SimpleNamespace(
            folder=elsewhere,
            predicted=model.predict(inputs, batch_size=96, verbose=0).tolist(),
            evaluated=model.evaluate(inputs, label, verbose=0, return_dict=True),
            losses=[float(model.train_on_batch(inputs, label)[0]) for _ in range(2)],
        )


@pytest.fixture(scope="module")
def told(environment, original):
    """What a user's script there prints; of the bundle, it finds ``assets.extra`` alone."""
    (original.folder / "user.py").write_text(USERS_SCRIPT)
    extra = str(original.folder / "model" / reload.layout.EXTRA)
    finished = environment.run("user.py", cwd=original.folder, PYTHONPATH=extra)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_nothing_of_ours_nor_of_the_pipeline_is_there(environment, tmp_path):
    def found(names):
        code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
        return environment.run("-c", code, cwd=tmp_path).stdout.strip()

    assert found(MISSING) == "[]"
    assert found(["tensorflow", "tf_keras"]) == "['tensorflow', 'tf_keras']"


def test_predictions_loss_and_metrics_are_those_of_the_original(told, original):
    assert told["predicted"] == original.predicted
    assert told["evaluated"] == original.evaluated


def test_the_next_steps_are_those_of_the_original(told, original):
    assert told["losses"] == original.losses
    assert original.losses[0] != original.losses[1], "nothing is learned: a poor example"


def test_the_bundle_checks_itself(told, environment, original):
    """After a script imported its loader, too: Python has put bytecode beside it."""
    script = str(original.folder / "model" / reload.layout.EXTRA / "reload.py")
    finished = environment.run("-I", script, "--check", "--json", cwd=original.folder.parent)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    report = json.loads(finished.stdout)
    assert report["precision"] == "same_machine"
    assert {value["absolute"] for value in report["values"].values()} == {0.0}


def test_a_changed_bundle_is_refused_there(environment, original, tmp_path):
    copy = shutil.copytree(original.folder / "model", tmp_path / "model")
    (copy / "saved_model.pb").write_bytes(b"")
    script = str(copy / reload.layout.EXTRA / "reload.py")
    finished = environment.run("-I", script, "--check", cwd=tmp_path)
    assert finished.returncode == 1
    assert finished.stdout.startswith("refused: saved_model.pb: changed after the export")
