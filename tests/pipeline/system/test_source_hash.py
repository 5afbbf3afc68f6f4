"""Which files decide whether a node runs again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from huberflow.pipeline.system import source_hash
from huberflow.pipeline.system.source_hash import source_hashes

ROOT = Path(__file__).resolve().parents[3]

TREE = {
    "components/__init__.py": "",
    "components/trainer.py": (
        "import os\nimport numpy\n"
        "from huberflow.components.model import build\nfrom huberflow.custom_objects import a\n"
    ),
    "components/model.py": "def build():\n    from .helpers import shapes\n",
    "components/helpers/__init__.py": "from huberflow.components.helpers import names\n",
    "components/helpers/names.py": "from .. import model  # relative, and a circle\n",
    "components/helpers/shapes.py": "",
    "components/helpers/unused.py": "",
    "components/evaluator.py": "import huberflow.components.trainer\n",
    "components/notes.txt": "",
    "custom_objects/__init__.py": "def __getattr__(name): ...\n",
    "custom_objects/a.py": "",
    "custom_objects/b.py": "",
}
FOLLOWED = {
    "components/__init__.py",
    "components/trainer.py",
    "components/model.py",
    "components/helpers/__init__.py",
    "components/helpers/names.py",
    "components/helpers/shapes.py",
    "custom_objects/__init__.py",
    "custom_objects/a.py",
}


@pytest.fixture
def tree(tmp_path):
    """A package huberflow; the paths below it."""
    package = tmp_path / "huberflow"
    for path, text in {"__init__.py": "", **TREE}.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
    return package


def source_in(tree: Path, *modules: str, check: bool = True) -> dict[str, str] | str:
    """The answer of a process that imports ``tree`` as huberflow; not ``check``: its complaint."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, runpy, sys; source_hashes = runpy.run_path(sys.argv[1])['source_hashes'];"
            "print(json.dumps(source_hashes(*sys.argv[2:])))",
            source_hash.__file__,
            *modules,
        ],
        env={**os.environ, "PYTHONPATH": str(tree.parent)},
        cwd=tree.parent.parent,
        capture_output=True,
        text=True,
        check=check,
    )
    return json.loads(done.stdout) if check else done.stderr


class TestFollowedFiles:
    def test_are_those_that_imports_reach(self, tree):
        """Inside functions, through packages and in circles too; nothing outside the rooms."""
        assert set(source_in(tree, "huberflow.components.trainer")) == FOLLOWED

    def test_are_not_imported(self, tree):
        (tree / "components/trainer.py").write_text("raise RuntimeError\n")
        assert "components/trainer.py" in source_in(tree, "huberflow.components.trainer")

    def test_a_module_that_is_not_there_is_named(self, tree):
        assert "components/trainr.py" in source_in(tree, "huberflow.components.trainr", check=False)


class TestFingerprint:
    @pytest.mark.parametrize("path", TREE)
    def test_changes_with_a_followed_file_and_with_no_other(self, path, tree):
        before = source_in(tree, "huberflow.components.trainer")
        with (tree / path).open("a") as file:
            file.write("# changed\n")
        after = source_in(tree, "huberflow.components.trainer")
        changed = {name for name in before.keys() | after.keys() if before[name] != after[name]}
        assert changed == ({path} if path in FOLLOWED else set())

    def test_is_the_same_for_the_same_code_elsewhere(self, tmp_path):
        package = tmp_path / "huberflow"
        shutil.copytree(ROOT / "src" / "huberflow", package)
        modules = (
            "huberflow.components.training.trainer",
            "huberflow.components.evaluation.evaluator",
            "huberflow.custom_objects.losses",
        )
        there, here = source_in(package, *modules), source_hashes(*reversed(modules))
        assert list(there.items()) == list(here.items())


class TestNodes:
    def test_trainer_runs_again_for_the_model_and_not_for_the_gate(self):
        files = source_hashes("huberflow.components.training.trainer")
        assert {
            "components/training/model.py",
            "components/serving/signatures.py",
            "components/contracts/features.py",
        } < set(files)
        assert {"custom_objects/registry.py", "custom_objects/__init__.py"} < set(files)
        assert not {"components/evaluation/evaluator.py", "components/export/pusher.py"} & set(
            files
        )

    @pytest.mark.parametrize(
        "module", ["data.examples", "validation.example_validator", "features.preprocessing"]
    )
    def test_nodes_of_data_run_again_neither_for_the_model_nor_for_an_object(self, module):
        files = set(source_hashes(f"huberflow.components.{module}"))
        assert f"components/{module.replace('.', '/')}.py" in files
        objects = {"catalogue", "losses", "metrics", "registry", "user_objects"}
        others = {f"custom_objects/{name}.py" for name in objects} | {
            "components/training/model.py"
        }
        assert not others & files
