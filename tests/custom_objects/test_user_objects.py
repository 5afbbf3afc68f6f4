"""A user's modules, imported from their snapshot, serve as the built-in ones do."""

import hashlib
import importlib
import subprocess
import sys

import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import registry, user_objects
from huberflow.custom_objects.catalogue import BUILT_IN, HUBERFLOW
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import (
    ObjectName,
    UserModule,
    UserNetwork,
    UserObject,
    UserObjects,
)

LOSS = """
import tensorflow as tf
import tf_keras
{decorator}
class {name}(tf_keras.losses.Loss):
    def __init__(self, factor={factor}, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)

    def get_config(self):
        return {{**super().get_config(), "factor": self.factor}}
"""
REGISTER = "from huberflow.custom_objects.registry import register\n@register"
OF_KERAS = '@tf_keras.utils.register_keras_serializable("mine", "Scaled")'


@pytest.fixture
def saved(tmp_path):
    """Writes a snapshot of modules with one loss; afterwards Keras's registry is as before."""
    registry.registered()  # imports the built-in objects
    before = dict(tf_keras.utils.get_custom_objects())

    def saved(name="ScaledLoss", *, factor=1.0, decorator="", **others):
        modules = {
            "my_losses": LOSS.format(name=name, factor=factor, decorator=decorator),
            **others,
        }
        sha256 = hashlib.sha256(repr(modules).encode()).hexdigest()
        folder = tmp_path / sha256[:16]
        folder.mkdir()
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        files = {module: (f"{module}.py",) for module in modules}
        return UserObjects(
            sha256=sha256,
            modules={
                module: UserModule(paths, user_objects.digest(folder, paths))
                for module, paths in files.items()
            },
            objects=(
                UserObject(
                    name=name,
                    module="my_losses",
                    kind="loss",
                    registered=f"my_losses>{name}",
                    arguments={"factor": factor},
                    tasks=("regression",),
                ),
            ),
            folder=folder,
        )

    yield saved
    user_objects.unload()
    assert tf_keras.utils.get_custom_objects() == before


def test_a_loss_is_chosen_by_name_as_a_built_in_one(saved):
    catalogue = user_objects.load(saved())
    loss = registry.build("loss", "ScaledLoss", {"factor": 2.0}, catalogue)
    assert float(loss(tf.constant([[1.0]]), tf.constant([[4.0]]))) == 6.0
    losses = list(catalogue.of_kind("loss"))
    place = losses.index("ScaledLoss")
    assert losses[place - 1] in HUBERFLOW
    assert losses[place + 1] == "Huber"
    with pytest.raises(InputError) as raised:
        catalogue.check("loss", "ScaledLoss", {"tau": 0.9})
    assert raised.value.expected == "an argument of ScaledLoss: factor"
    assert "ScaledLoss" not in BUILT_IN.of_kind("loss")


def test_a_module_is_found_by_name_here_and_in_a_process_that_shares_the_path(saved):
    objects = saved()
    user_objects.load(objects)
    module = importlib.import_module("my_losses")
    assert module.__file__ == str(objects.folder / "my_losses.py")
    command = f"import sys; sys.path[:] = {sys.path!r}; import my_losses; print('found')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout == "found\n", done.stderr


@pytest.mark.parametrize(
    ("decorator", "registered"),
    [
        ("", "my_losses>ScaledLoss"),
        (OF_KERAS, "mine>Scaled"),
        (REGISTER, "custom_objects>ScaledLoss"),
    ],
    ids=["none", "Keras", "huberflow"],
)
def test_keras_has_it_by_its_registered_name_or_by_its_module(saved, decorator, registered):
    catalogue = user_objects.load(saved(decorator=decorator))
    loss = registry.build("loss", "ScaledLoss", {"factor": 2.0}, catalogue)
    config = tf_keras.saving.serialize_keras_object(loss)
    assert config["registered_name"] == registered
    assert tf_keras.saving.deserialize_keras_object(config).factor == 2.0


class TestASecondLoad:
    def test_of_the_same_content_does_nothing(self, saved):
        objects = saved()
        first = user_objects.load(objects)
        module, path = sys.modules["my_losses"], list(sys.path)
        again = user_objects.load(UserObjects.from_json(objects.to_json()))
        assert again.of_kind("loss").keys() == first.of_kind("loss").keys()
        assert sys.modules["my_losses"] is module
        assert sys.path == path

    @pytest.mark.parametrize(
        "decorator", ["", OF_KERAS, REGISTER], ids=["none", "Keras", "huberflow"]
    )
    def test_of_other_content_replaces_the_first(self, saved, decorator):
        user_objects.load(saved(factor=1.0, decorator=decorator))
        objects = saved(factor=3.0, decorator=decorator)
        loss = registry.build("loss", "ScaledLoss", {}, user_objects.load(objects))
        assert loss.factor == 3.0
        config = tf_keras.saving.serialize_keras_object(loss)
        assert type(tf_keras.saving.deserialize_keras_object(config)) is type(loss)
        snapshots = str(objects.folder.parent)
        assert [path for path in sys.path if path.startswith(snapshots)] == [str(objects.folder)]


class TestALoadThatFails:
    def test_runs_no_file_that_was_changed(self, saved):
        objects = saved()
        (objects.folder / "my_losses.py").write_text("raise SystemExit('run')")
        with pytest.raises(InputError) as raised:
            user_objects.load(objects)
        assert "my_losses" in raised.value.expected
        assert "delete this folder" in raised.value.hint
        assert "my_losses" not in sys.modules

    def test_leaves_nothing_of_a_module_that_does_not_import(self, saved):
        objects, path = saved(zebra="raise RuntimeError('no')"), list(sys.path)
        with pytest.raises(RuntimeError, match="no"):
            user_objects.load(objects)
        assert not {"my_losses", "zebra"} & set(sys.modules)
        assert sys.path == path


@pytest.mark.parametrize(
    "network", [None, UserNetwork("my_model", "build", (ObjectName("Cross", "my_model"),))]
)
def test_json_gives_the_description_back(saved, network):
    objects = saved()
    values = UserObjects(objects.sha256, objects.modules, objects.objects, network, sources="eJx")
    assert UserObjects.from_json(values.to_json()) == values
    assert UserObjects.from_json(objects.to_json()) == objects
