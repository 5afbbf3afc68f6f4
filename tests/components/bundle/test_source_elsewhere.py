"""Source of a user's own works in a plain environment, where ``tf.keras`` is Keras 3."""

import json
import sys
import types

import numpy as np
import pytest
import tf_keras
from bare_environment import BareEnvironment

from huberflow.components.bundle import reload
from huberflow.components.bundle.save import save_bundle

ACME = {
    "acme/__init__.py": "",
    "acme/losses.py": """
import tensorflow as tf
import tensorflow.keras.backend as K
from tensorflow import keras
from tensorflow.keras.layers import Layer

class AcmeLoss(tf.keras.losses.Loss):
    def __init__(self, power=1.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        from tensorflow.keras import losses
        if tf.reduce_sum(y_true) > 0.0:
            error = losses.mean_absolute_error(y_true, y_pred)
        else:
            error = K.mean(K.abs(y_true - y_pred), axis=-1)
        return error ** self.power

    def get_config(self):
        return {**super().get_config(), "power": self.power}

class Twice(Layer):
    def call(self, inputs):
        return keras.activations.relu(2.0 * inputs)

def acme_metric(y_true, y_pred):
    return tf.reduce_max(tf.abs(y_true - y_pred), axis=-1)
""",
    "acme/tables.py": "import acme.losses\nimport yaml\nfrom acme.losses import AcmeLoss\n",
    "acme/secret.py": "",
    "acme/models.py": """
import tf_keras

class Tenfold:
    def train_step(self, data):
        return {"loss": 10.0 * super().train_step(data)["loss"]}

class Stepping(Tenfold, tf_keras.Model):
    pass

class Configured(Tenfold, tf_keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = tf_keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {"units": self.units}

class Plain(tf_keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = tf_keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)
""",
}

SCRIPT = """
import json, sys
import tensorflow as tf
Layer = tf.keras.layers.Layer  # before the model is loaded: Keras 3
sys.path.insert(0, "model/assets.extra")
import reload
import numpy as np
model = reload.load("model")
golden = reload.golden("model")
print(json.dumps({
    "loss": [type(model.loss).__name__, model.loss.power],
    "evaluated": model.evaluate(golden.inputs, golden.labels, batch_size=9, verbose=0),
    "step": model.train_on_batch(golden.inputs, golden.labels),
    "keras": tf.keras.__version__,
    "same": tf.keras.layers.Layer is Layer,
    "left_behind": [name for name in sys.modules if name.startswith("acme")],
}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return BareEnvironment(tmp_path_factory.mktemp("bare") / "environment")


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """The package, imported as a user's script imports it; nothing of it is registered."""
    folder = tmp_path_factory.mktemp("user")
    for name, text in ACME.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    sys.path.insert(0, str(folder))
    from acme import losses, models, tables

    yield types.SimpleNamespace(losses=losses, models=models, tables=tables)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme"]:
        del sys.modules[name]


def bundled(acme, loss, folder):
    """A trained model, and its bundle in ``folder/model``."""
    tf_keras.utils.set_random_seed(3)
    dense = tf_keras.layers.Dense(1)
    model = tf_keras.Sequential([tf_keras.Input((3,)), acme.losses.Twice(), dense])
    model.compile("adam", loss, metrics=[acme.losses.acme_metric])
    inputs = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    labels = inputs.sum(axis=1, keepdims=True)
    model.fit(inputs, labels, verbose=0)
    return model, inputs, labels, save_bundle(model, folder / "model", inputs, labels, check=False)


@pytest.fixture(scope="module")
def original(acme, tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    model, inputs, labels, certificate = bundled(acme, acme.losses.AcmeLoss(2.0), folder)
    with reload.deterministic_sums():
        evaluated = model.evaluate(inputs, labels, batch_size=9, verbose=0)
        step = model.train_on_batch(inputs, labels)
    return types.SimpleNamespace(
        folder=folder, certificate=certificate, evaluated=evaluated, step=step
    )


def test_the_certificate_says_what_travels(original):
    assert original.certificate["source"] == {
        "taken": ["acme", "acme.losses"],
        "left": ["acme.models", "acme.secret", "acme.tables"],
        "requirements": [],
    }
    names = [each["name"] for each in original.certificate["objects"]]
    assert names == ["AcmeLoss", "Twice", "acme_metric"]


def test_the_bundle_checks_itself(environment, original):
    script = str(original.folder / "model" / reload.layout.EXTRA / "reload.py")
    done = environment.run("-I", script, "--check", "--json", cwd=original.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert {value["absolute"] for value in report["values"].values()} == {0.0}


def test_it_loads_where_tensorflow_was_imported_first(environment, original):
    (original.folder / "user.py").write_text(SCRIPT)
    done = environment.run("user.py", cwd=original.folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["loss"] == ["AcmeLoss", 2.0]
    assert told["evaluated"] == pytest.approx(original.evaluated, rel=1e-6)
    assert told["step"] == pytest.approx(original.step, rel=1e-6)
    assert told["keras"].startswith("3."), "the rest of the process keeps its own"
    assert told["same"]
    assert told["left_behind"] == []


def test_what_else_it_needs_is_named_where_it_is_missing(environment, acme, tmp_path):
    class_of_tables = type("AcmeTable", (acme.losses.AcmeLoss,), {"__module__": "acme.tables"})
    acme.tables.AcmeTable = class_of_tables
    *_, certificate = bundled(acme, class_of_tables(1.0), tmp_path)
    (required,) = certificate["source"]["requirements"]
    assert required["name"] == "PyYAML"
    script = str(tmp_path / "model" / reload.layout.EXTRA / "reload.py")
    done = environment.run("-I", script, "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.strip().endswith(f'pip install "PyYAML=={required["version"]}"')
    assert len(done.stdout.splitlines()) == 1


def functional(own):
    inputs = tf_keras.Input((3,))
    return own(inputs, tf_keras.layers.Dense(1)(inputs))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda models: functional(models.Stepping), "Stepping"),
        (lambda models: models.Configured(1), "Configured"),
        (lambda models: models.Plain(1), None),
    ],
    ids=["functional", "with-a-config", "without-a-config"],
)
def test_the_class_of_a_model_travels_where_its_config_makes_it_anew(acme, make, name, tmp_path):
    """Its own train step shows in the golden steps; one without a config is made from its graph."""
    model = make(acme.models)
    model.compile("adam", "mse")
    inputs = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    model.fit(inputs, inputs[:, :1], verbose=0)
    certificate = save_bundle(model, tmp_path / "model", inputs, inputs[:, :1], check=False)
    assert [each["name"] for each in certificate["objects"]] == ([name] if name else [])
    assert reload.check(tmp_path / "model")["ok"]
