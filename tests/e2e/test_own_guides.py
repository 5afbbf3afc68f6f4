"""The guides for a script and a pipeline of one's own, followed line by line."""

from __future__ import annotations

import ast
import copy
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import readme
from bare_environment import BareEnvironment
from nbclient import NotebookClient
from users_packages import write_packages

pytestmark = pytest.mark.e2e

SCRIPT, PIPELINE = (readme.ROOT / "docs" / f"own-{name}.md" for name in ("script", "pipeline"))
LOSSES, TRAIN, USE, CALLBACK, MLFLOW = range(5)
"""The Python blocks of the guide for a script."""

PROGRAMS = {"python": sys.executable, "huberflow": str(Path(sys.executable).parent / "huberflow")}


class Folder:
    """A user's folder, whose shell knows nothing of TensorFlow's Keras."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blocks = readme.blocks("python", SCRIPT)
        (path / "my_losses.py").write_text(self.blocks[LOSSES])
        (path / "train.py").write_text(self.blocks[TRAIN])

    def types(self, line: str) -> str:
        program, *arguments = shlex.split(line)
        return self.run(PROGRAMS[program], *arguments)

    def runs_block(self, number: int) -> str:
        return self.run(sys.executable, "-c", self.blocks[number])

    def run(self, *command: str) -> str:
        unset = ("TF_USE_LEGACY_KERAS", "MLFLOW_TRACKING_URI", "PYTHONPATH")
        environment = {k: v for k, v in os.environ.items() if k not in unset}
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """After `python train.py`; the folder has packages of huberflow's names."""
    folder = Folder(tmp_path_factory.mktemp("script"))
    write_packages(folder.path)
    train = readme.commands(SCRIPT)[0]
    assert train.line == "python train.py"
    assert folder.types(train.line).splitlines() == train.shown
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Checks a bundle where only TensorFlow and tf_keras are installed; the last line it prints.

    The check compares predictions, loss, metrics and two further training steps, bit for bit.
    """
    environment = BareEnvironment(tmp_path_factory.mktemp("bare") / "environment")

    def bare(bundle: Path) -> str:
        script = bundle / "assets.extra" / "reload.py"
        done = environment.run(str(script), "--check", cwd=bundle.parent)
        assert done.returncode == 0, done.stdout + done.stderr
        for value in ("model/prediction", "model/loss", "steps"):
            assert re.search(rf"^{value} is off by 0,.*: ok$", done.stdout, re.M), done.stdout
        return done.stdout.splitlines()[-1]

    return bare


def test_the_bundle_of_a_script_is_checked_where_only_tensorflow_is_installed(folder, bare):
    check = readme.commands(SCRIPT)[1]
    assert check.line == "python bundle/assets.extra/reload.py --check"
    assert [bare(folder.path / "bundle")] == check.shown


def test_it_is_loaded_and_predicts(folder):
    quantile, prices = folder.runs_block(USE).split(maxsplit=1)
    assert quantile == "0.8"
    small, large = (float(price) for price in re.findall(r"-?\d+\.\d*", prices))
    # The prices that it was trained on are 10 for each room, and 1 for each unit of size.
    assert (small, large) == pytest.approx((110, 170), rel=0.1)


def test_the_callback_writes_the_best_epoch(folder, bare):
    assert folder.runs_block(CALLBACK).splitlines()[-1] == "True"
    assert bare(folder.path / "best") == "ok"


def test_it_is_a_model_of_mlflow(folder, bare):
    assert folder.runs_block(MLFLOW).splitlines()[-1] == "PyFuncModel"
    (loader,) = (folder.path / "mlruns").rglob("reload.py")
    assert bare(loader.parent.parent) == "ok"


def test_the_verb_bundles_a_saved_model(folder):
    table = "import pandas; pandas.DataFrame({**houses, 'price': prices}).to_csv('rows.csv')"
    save = "model.save('houses', save_format='tf')"
    folder.run(
        sys.executable,
        "-c",
        "\n".join([folder.blocks[TRAIN].replace('"bundle"', '"x"'), save, table]),
    )
    (command,) = [c for c in readme.commands(SCRIPT) if c.line.startswith("huberflow bundle")]
    assert "as in the exporting process" in folder.types(command.line)


def test_the_notebook_prints_what_it_shows(bare, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    write_packages(tmp_path)
    shown = nbformat.read(readme.ROOT / "docs" / "own-script.ipynb", as_version=4)
    executed = copy.deepcopy(shown)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(executed, kernel_name="python3", timeout=300, resources=place).execute()
    assert printed(executed) == printed(shown)
    assert "ok" in printed(shown)
    assert bare(tmp_path / "bundle") == "ok"


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells print, less what TensorFlow logs there."""
    texts = [out.text for c in notebook.cells for out in c.get("outputs", []) if "text" in out]
    lines = [line for text in texts for line in text.splitlines()]
    return [line for line in lines if not line.startswith(_LOGGED)]


_LOGGED = ("INFO:", "WARNING:", "I0000", "W0000", "E0000", "To enable")


@pytest.mark.parametrize("block", [*readme.blocks("python", PIPELINE), *readme.blocks("py")])
def test_code_for_a_pipeline_uses_public_names_that_exist(block):
    """A test beside this one runs such a pipeline; here, each name and argument is looked up."""
    import huberflow

    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("huberflow."):
            eval(ast.unparse(node), {"huberflow": huberflow})  # noqa: S307 (our own page)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("huberflow"):
            exec(ast.unparse(node))  # noqa: S102
