"""A model with user-defined objects, reloaded where the user's modules are not installed."""

import dataclasses
import json
import subprocess
import sys

import pytest
import small_bundles
import tf_keras
from small_bundles import Transform, bundled, loader_of, parsed
from user_modules import MY_LOSSES, MY_OPTIMIZERS

from huberflow.components.bundle import bundle_source, clean_process, reload
from huberflow.components.contracts.model_config import ObjectChoice
from huberflow.components.training import fitting
from huberflow.components.training.model import build_model
from huberflow.custom_objects import user_objects
from huberflow.pipeline.objects.inspection import check_choices, inspect
from huberflow.pipeline.objects.module_sources import snapshot

WAVES = "from my_losses import mish\n\ndef wave(x):\n    return 0.5 * mish(x)\n"
MODEL = dataclasses.replace(
    small_bundles.MODEL,
    activation=ObjectChoice(name="wave"),
    activity_regularization=ObjectChoice(name="Scaled", config={"factor": 0.5}),
)
TRAINING = dataclasses.replace(
    small_bundles.training_config(
        "QuantileLoss",
        {"quantile": 0.9},
        (
            ObjectChoice(name="Coverage", config={"margin": 0.25}),
            ObjectChoice(name="is_near"),
            ObjectChoice(name="squares"),
        ),
    ),
    optimizer=ObjectChoice(
        name="Fading",
        config={"keep": 0.9, "learning_rate": {"name": "Warmup", "config": {"peak": 0.02}}},
    ),
)
MODULES = {"my_losses": MY_LOSSES, "my_waves": WAVES, "my_optimizers": MY_OPTIMIZERS}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle, made as the pipeline makes it; then this process drops the user's modules."""
    folder = tmp_path_factory.mktemp("user")
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    objects = inspect([folder / f"{name}.py" for name in MODULES])
    check_choices(objects, [])
    copied = snapshot(objects.sources, folder / "objects")
    catalogue = user_objects.load(dataclasses.replace(objects.description, folder=copied))
    try:
        tf_keras.utils.set_random_seed(11)
        model = build_model(MODEL, numbers=2, categories=1, table_rows=5, catalogue=catalogue)
        fitting.compile_model(model, TRAINING, catalogue=catalogue)
        model.fit(*parsed(), batch_size=16, epochs=2, shuffle=False, verbose=0)
        model.transform = Transform()
        path = bundled(model, folder)
        bundle_source.copy_source(["my_waves"], folder / "copied")
    finally:
        user_objects.unload()
    for source in (folder / "objects").rglob("*.py"):
        source.unlink()
    return path


def test_the_certificate_names_each_with_its_config_and_source(bundle):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    objects = {
        each["name"]: each["config"] for each in certificate["objects"] if each["module"] in MODULES
    }
    assert objects.keys() == {
        "my_losses>QuantileLoss", "my_losses>Coverage", "mine>Scaled", "my_waves>wave",
        "my_losses>is_near", "my_losses>squares", "my_optimizers>Fading", "my_optimizers>Warmup",
    }  # fmt: skip
    assert objects["my_losses>QuantileLoss"]["quantile"] == 0.9
    assert objects["mine>Scaled"]["factor"] == 0.5
    assert objects["my_optimizers>Fading"]["keep"] == 0.9
    assert objects["my_optimizers>Warmup"]["peak"] == 0.02


def test_the_source_travels(bundle):
    for name, text in MODULES.items():
        assert (bundle / reload.layout.EXTRA / f"{name}.py").read_text() == text


def test_with_one_module_travel_those_that_it_may_import(bundle):
    assert (bundle.parent / "copied" / "my_losses.py").read_text() == MY_LOSSES


def test_a_clean_process_finds_no_difference(bundle):
    report = clean_process.check_bundle(bundle)
    assert report["ok"]
    expected = {"model/coverage", "model/is_near", "model/squares", "model/loss"}
    assert expected <= report["values"].keys()
    assert {each["absolute"] for each in report["values"].values()} == {0.0}


def test_a_reload_has_each_as_it_was_told(bundle):
    model = loader_of(bundle).load(bundle, trainable=False)
    assert (type(model.loss).__name__, model.loss.quantile) == ("QuantileLoss", 0.9)
    assert [layer.factor for layer in model.layers if type(layer).__name__ == "Scaled"] == [0.5]
    assert "my_losses" not in sys.modules


def test_training_goes_on_where_the_module_is_not_installed(bundle):
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1] + '/assets.extra')\n"
        "import reload\n"
        "golden = reload.golden(sys.argv[1])\n"
        "model = reload.load(sys.argv[1])\n"
        "steps = reload.measuring.step_losses(model, golden.inputs, golden.labels)\n"
        "print(json.dumps(steps.tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(bundle)], capture_output=True, text=True, cwd="/"
    )
    steps = reload.golden(bundle).values["steps"]
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(steps.tolist())
