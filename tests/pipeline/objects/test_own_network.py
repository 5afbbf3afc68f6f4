"""A network of the user's own: found, tried, and given to the Trainer with its source."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from users_objects import MY_NETWORK, configs, told

from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.config.reading import ConfigError, load
from huberflow.pipeline.objects import chosen_objects

REGISTERED = '@tf_keras.utils.register_keras_serializable("mine")\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    (folder / "my_model.py").write_text(MY_NETWORK)
    return folder


@pytest.fixture
def config(folder):
    with configs(folder, f"model.build={folder / 'my_model.py'}:build_model") as config:
        yield config


FORMS = {
    "no function": ("my_model.py", "a file or an installed module, and a function in it"),
    "no file": (":build_model", "a file or an installed module, and a function in it"),
    "no name": ("my_model.py:build model", "a file or an installed module, and a function in it"),
    "a number": ("3", "a file or an installed module, and a function in it"),
    "nothing installed": ("no_such.module:build_model", "a file or an installed module, received"),
    "a built-in": ("sys:exit", "a file or an installed module, received 'sys'"),
    "no such file": ("no_such.py:build_model", "expected a Python file or package"),
    "one of ours": (
        "huberflow.components.training.model:build_model",
        "received huberflow, this package",
    ),
}


@pytest.mark.parametrize(("written", "said"), FORMS.values(), ids=FORMS)
def test_what_names_no_function_is_refused(written, said):
    with pytest.raises(ConfigError) as refused:
        load(None, [f"model.build={written}"])
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_module_of_a_package_is_copied_with_its_package(tmp_path, monkeypatch):
    package = tmp_path / "installed" / "my_networks"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep.py").write_text(
        MY_NETWORK.replace("\nclass ", f"\n{REGISTERED}class ").replace(
            "\ndef s", f"\n{REGISTERED}def s"
        )
    )
    monkeypatch.syspath_prepend(str(package.parent))
    config = load(None, ["model.build=my_networks.deep:build_model", f"workspace={tmp_path}/w"])
    objects = chosen_objects.installed(config)
    assert objects["network"]["module"] == "my_networks.deep"
    assert (Path(objects["folder"]) / "my_networks" / "deep.py").is_file()


class TestTrainer:
    def test_gets_the_function_and_a_copy_of_its_file(self, config, folder):
        objects = told(config(), "Trainer")["objects"]
        assert (Path(objects["folder"]) / "my_model.py").read_text() == MY_NETWORK
        assert objects["network"] == {
            "module": "my_model",
            "function": "build_model",
            "parts": [
                {"name": "CrossLayer", "module": "my_model"},
                {"name": "sharpened", "module": "my_model"},
            ],
        }

    def test_is_another_for_a_changed_line(self, config, folder):
        before = told(config(), "Trainer")
        file = folder / "my_model.py"
        file.write_text(MY_NETWORK.replace("CrossLayer(0.5)", "CrossLayer(0.25)"))
        try:
            assert told(config(), "Trainer")["objects"]["sha256"] != before["objects"]["sha256"]
        finally:
            file.write_text(MY_NETWORK)

    def test_is_the_same_for_the_same_file(self, config):
        assert told(config(), "Trainer") == told(config(), "Trainer")


class TestParts:
    def test_cannot_be_named_in_a_config(self, config):
        with pytest.raises(ConfigError, match=r"model\.activation\.name: expected an activation"):
            config("model.activation.name=sharpened")

    def test_can_where_objects_names_the_file_too(self, config, folder):
        (folder / "both.py").write_text(
            "import tf_keras\n\n\ndef sharpened(x):\n    return x * 0.5\n\n\n"
            "def build_model(ends, settings):\n    inputs = ends.inputs()\n"
            "    hidden = tf_keras.layers.Dense(4, activation=sharpened)(inputs['numbers'])\n"
            "    return tf_keras.Model(inputs, ends.prediction(hidden))\n"
        )
        both = folder / "both.py"
        made = config(
            f"objects=[{both}]",
            f"model.build={both}:build_model",
            "model.activation.name=sharpened",
        )
        assert chosen_objects.installed(made)["network"]["parts"] == []


def test_a_mistake_in_it_is_one_line_and_exit_code_2(folder):
    (folder / "wrong.py").write_text("def build_model(ends, settings):\n    return None\n")
    done = CliRunner().invoke(
        cli,
        [
            "run",
            "--set",
            f"model.build={folder}/wrong.py:build_model",
            "--workspace",
            f"{folder}/w",
        ],
    )
    assert done.exit_code == 2
    assert done.stderr == (
        "huberflow: wrong.py: build_model: expected a functional tf_keras.Model, received "
        "NoneType; write: return tf_keras.Model(inputs, ends.prediction(hidden)), with inputs = "
        "ends.inputs()\n"
    )
    assert not (folder / "w" / "artifacts").exists()
