"""A user-defined network: named, checked, and given to the Trainer with its source."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from user_modules import MY_NETWORK, node_config, resolver

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.resolve.resolved_run import resolve_config

REGISTERED = '@tf_keras.utils.register_keras_serializable("mine")\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    (folder / "my_model.py").write_text(MY_NETWORK)
    return folder


@pytest.fixture(scope="module")
def resolved(folder):
    return resolver(folder, f"model.build={folder / 'my_model.py'}:build_model")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("my_model.py", "a file or an installed module, and a function in it"),
        ("my_model.py:build model", "a file or an installed module, and a function in it"),
        ("no_such.module:build_model", "a file or an installed module, and a function in it"),
        ("no_such.py:build_model", "a Python file, such as my_losses.py, or a package"),
        ("huberflow.components.training.model:build_model", "that no other module has"),
    ],
)
def test_what_names_no_function_is_refused(build, expected):
    with pytest.raises(InputError) as raised:
        resolve_config(None, [f"model.build={build}"])
    assert expected in raised.value.expected


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
    resolved = resolver(tmp_path, "model.build=my_networks.deep:build_model")
    objects = node_config(resolved(), "Trainer")["objects"]
    assert objects["network"]["module"] == "my_networks.deep"
    assert (Path(objects["folder"]) / "my_networks" / "deep.py").is_file()


def test_the_trainer_gets_the_function_and_a_copy_of_its_file(resolved):
    first, objects = (node_config(resolved(), "Trainer")["objects"] for _ in range(2))
    assert first == objects
    assert (Path(objects["folder"]) / "my_model.py").read_text() == MY_NETWORK
    assert objects["network"] == {
        "module": "my_model",
        "function": "build_model",
        "parts": [
            {"name": "CrossLayer", "module": "my_model"},
            {"name": "sharpened", "module": "my_model"},
        ],
    }


class TestParts:
    def test_cannot_be_named_in_a_config(self, resolved):
        with pytest.raises(InputError, match=r"model\.activation\.name: expected an activation"):
            resolved("model.activation.name=sharpened")

    def test_can_where_objects_names_the_file_too(self, resolved, folder):
        both = folder / "both.py"
        both.write_text(
            "import tf_keras\n\n\ndef sharpened(x):\n    return x * 0.5\n\n\n"
            "def build_model(io, settings):\n    inputs = io.inputs()\n"
            "    hidden = tf_keras.layers.Dense(4, activation=sharpened)(inputs['numbers'])\n"
            "    return tf_keras.Model(inputs, io.prediction(hidden))\n"
        )
        made = resolved(
            f"objects=[{both}]",
            f"model.build={both}:build_model",
            "model.activation.name=sharpened",
        )
        assert made.objects.description.network.parts == ()


def test_a_mistake_in_it_is_one_line_and_exit_code_2(folder):
    (folder / "wrong.py").write_text("def build_model(io, settings):\n    return None\n")
    setting = f"model.build={folder}/wrong.py:build_model"
    done = CliRunner().invoke(cli, ["run", "--set", setting, "--workspace", f"{folder}/w"])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "wrong.py: build_model: expected a functional tf_keras.Model" in line
    assert not (folder / "w" / "artifacts").exists()
