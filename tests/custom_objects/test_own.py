"""A user's own modules, imported from their snapshot, are as good as ours; and can be replaced."""

import hashlib
import importlib
import subprocess
import sys

import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import catalogue, own, registry

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
OURS = "from huberflow.custom_objects.registry import register\n@register"
OF_KERAS = '@tf_keras.utils.register_keras_serializable("mine", "Scaled")'


@pytest.fixture
def saved(tmp_path):
    """Writes a snapshot: modules by name, each with one loss; its description and folder."""
    registry.registered()  # imports ours
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
        return {
            "sha256": sha256,
            "modules": {
                module: {
                    "files": [f"{module}.py"],
                    "sha256": own.digest(folder, [f"{module}.py"]),
                }
                for module in modules
            },
            "objects": [
                {
                    "name": name,
                    "kind": "loss",
                    "module": "my_losses",
                    "registered": f"my_losses>{name}",
                    "arguments": {"factor": factor},
                }
            ],
            "network": None,
        }, folder

    yield saved
    own.unload()
    assert tf_keras.utils.get_custom_objects() == before


def test_a_loss_is_chosen_by_name_as_ours(saved):
    own.load(*saved())
    loss = registry.build("loss", "ScaledLoss", {"factor": 2.0})
    assert float(loss(tf.constant([[1.0]]), tf.constant([[4.0]]))) == 6.0
    assert list(catalogue.BUILT_IN.of_kind("loss"))[:5] == [
        "huber_fn", "HuberLoss", "CustomMSE", "ScaledLoss", "Huber",
    ]  # fmt: skip


def test_a_module_is_found_by_name(saved):
    description, folder = saved()
    own.load(description, folder)
    module = importlib.import_module("my_losses")
    assert module.__file__ == str(folder / "my_losses.py")
    assert own.modules() == ["my_losses"]


def test_a_process_that_shares_the_path_finds_it_too(saved):
    own.load(*saved())
    command = f"import sys; sys.path[:] = {sys.path!r}; import my_losses; print('found')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout == "found\n", done.stderr


@pytest.mark.parametrize(
    ("decorator", "registered"),
    [
        ("", "my_losses>ScaledLoss"),
        (OF_KERAS, "mine>Scaled"),
        (OURS, "custom_objects>ScaledLoss"),
    ],
    ids=["none", "of Keras", "ours"],
)
def test_keras_knows_it_by_the_name_that_it_has_or_by_its_module(saved, decorator, registered):
    own.load(*saved(decorator=decorator))
    loss = registry.build("loss", "ScaledLoss", {"factor": 2.0})
    config = tf_keras.saving.serialize_keras_object(loss)
    assert config["registered_name"] == registered
    assert tf_keras.saving.deserialize_keras_object(config).factor == 2.0


class TestASecondLoad:
    def test_of_the_same_content_does_nothing(self, saved):
        description, folder = saved()
        own.load(description, folder)
        module, path = sys.modules["my_losses"], list(sys.path)
        own.load(description, folder)
        assert sys.modules["my_losses"] is module
        assert sys.path == path

    def test_of_the_same_content_knows_the_names_that_a_block_took_along(self, saved):
        description, folder = saved()
        with catalogue.added(own.entries(description)):
            own.load(description, folder)
        own.load(description, folder)
        assert registry.build("loss", "ScaledLoss", {"factor": 2.0}).factor == 2.0

    @pytest.mark.parametrize("decorator", ["", OF_KERAS, OURS], ids=["none", "of Keras", "ours"])
    def test_of_other_content_replaces_the_first(self, saved, decorator):
        own.load(*saved(factor=1.0, decorator=decorator))
        description, folder = saved(factor=3.0, decorator=decorator)
        own.load(description, folder)
        loss = registry.build("loss", "ScaledLoss", {})
        assert loss.factor == 3.0
        config = tf_keras.saving.serialize_keras_object(loss)
        assert type(tf_keras.saving.deserialize_keras_object(config)) is type(loss)
        assert sys.path.count(str(folder)) == 1
        assert [path for path in sys.path if path.startswith(str(folder.parent))] == [str(folder)]

    def test_of_other_names_forgets_the_first(self, saved):
        own.load(*saved("ScaledLoss"))
        own.load(*saved("OtherLoss"))
        assert "ScaledLoss" not in catalogue.BUILT_IN.of_kind("loss")
        assert "OtherLoss" in catalogue.BUILT_IN.of_kind("loss")


class TestWhatFails:
    def test_a_file_that_was_changed_is_not_run(self, saved):
        description, folder = saved()
        (folder / "my_losses.py").write_text("raise SystemExit('run')")
        with pytest.raises(ValueError, match=r"expected my_losses as it was tried.*; delete this"):
            own.load(description, folder)
        assert "my_losses" not in sys.modules

    def test_leaves_nothing_of_a_module_that_does_not_import(self, saved):
        description, folder = saved(zebra="raise RuntimeError('no')")
        path = list(sys.path)
        with pytest.raises(RuntimeError, match="no"):
            own.load(description, folder)
        assert not {"my_losses", "zebra"} & set(sys.modules)
        assert sys.path == path
        assert own.modules() == []

    def test_a_name_that_is_taken_is_refused(self, saved):
        with pytest.raises(ValueError, match=r"^HuberLoss: expected a name of its own, received"):
            own.load(*saved("HuberLoss"))
        assert registry.build("loss", "HuberLoss", {"threshold": 2.0}).threshold == 2.0
        assert own.modules() == []


class TestTheCatalogue:
    MINE = {"MyLoss": catalogue.Entry("loss", "my_losses")}  # noqa: RUF012 (never changed)

    def test_knows_what_was_added_until_the_block_ends(self):
        before = catalogue.BUILT_IN.of_kind("loss")
        with catalogue.added(self.MINE):
            assert catalogue.BUILT_IN.of_kind("loss")["MyLoss"] == self.MINE["MyLoss"]
            assert "MyLoss" not in catalogue.BUILT_IN.of_kind("metric")
        assert catalogue.BUILT_IN.of_kind("loss") == before

    def test_takes_the_same_again(self):
        with catalogue.added(self.MINE):
            catalogue.add(self.MINE)
            assert list(catalogue.BUILT_IN.of_kind("loss")).count("MyLoss") == 1

    @pytest.mark.parametrize(
        ("name", "owner"),
        [
            ("HuberLoss", "huberflow.custom_objects.losses"),
            ("LogCosh", "tf_keras.losses"),
            ("Adam", "tf_keras.optimizers"),
            ("MyLoss", "my_losses"),
        ],
    )
    def test_refuses_a_name_that_is_taken_and_all_that_came_with_it(self, name, owner):
        others = {
            "Free": catalogue.Entry("loss", "others"),
            name: catalogue.Entry("loss", "others"),
        }
        with catalogue.added(self.MINE):
            before = catalogue.BUILT_IN.of_kind("loss")
            with pytest.raises(ValueError, match=rf"^{name}: .* {owner} has; rename it in others$"):
                catalogue.add(others)
            assert catalogue.BUILT_IN.of_kind("loss") == before
