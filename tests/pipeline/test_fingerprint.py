"""Which files decide whether a node runs again."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.fingerprint import ROOMS, source_of

ROOT = Path(__file__).resolve().parents[2]

TREE = {
    "components/__init__.py": "",
    "components/trainer.py": (
        "import os\nimport numpy\n"
        "from components.model import build\nfrom custom_objects import a\n"
    ),
    "components/model.py": "def build():\n    import components.helpers.shapes as shapes\n",
    "components/helpers/__init__.py": "from components.helpers import names\n",
    "components/helpers/names.py": "from components import model  # a circle\n",
    "components/helpers/shapes.py": "",
    "components/helpers/unused.py": "",
    "components/evaluator.py": "import components.trainer\n",
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
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def source_in(tree: Path, *modules: str, check: bool = True) -> dict[str, str] | str:
    """What a process that finds the rooms in ``tree`` sees; its complaint if not ``check``."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys; from pipeline.fingerprint import source_of;"
            "print(json.dumps(source_of(*sys.argv[1:])))",
            *modules,
        ],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree.parent,
        capture_output=True,
        text=True,
        check=check,
    )
    return json.loads(done.stdout) if check else done.stderr


class TestFollowedFiles:
    def test_are_those_that_imports_reach(self, tree):
        """Inside functions, through packages and in circles too; nothing outside the rooms."""
        assert set(source_in(tree, "components.trainer")) == FOLLOWED

    def test_of_two_modules_are_those_of_both(self, tree):
        both = source_in(tree, "components.trainer", "custom_objects.b")
        assert set(both) == {*FOLLOWED, "custom_objects/b.py"}

    def test_are_not_imported(self, tree):
        (tree / "components/trainer.py").write_text("raise RuntimeError\n")
        assert "components/trainer.py" in source_in(tree, "components.trainer")

    def test_a_module_that_is_not_there_is_named(self, tree):
        assert "components/trainr.py" in source_in(tree, "components.trainr", check=False)


class TestFingerprint:
    @pytest.mark.parametrize("path", TREE)
    def test_changes_with_a_followed_file_and_with_no_other(self, path, tree):
        before = source_in(tree, "components.trainer")
        with (tree / path).open("a") as file:
            file.write("# changed\n")
        after = source_in(tree, "components.trainer")
        changed = {name for name in before.keys() | after.keys() if before[name] != after[name]}
        assert changed == ({path} if path in FOLLOWED else set())

    def test_is_the_same_for_the_same_code_elsewhere(self, tmp_path):
        for room in ROOMS:
            shutil.copytree(ROOT / room, tmp_path / room)
        modules = ("components.trainer", "components.evaluator", "custom_objects.losses")
        assert source_in(tmp_path, *modules) == source_of(*modules)

    def test_does_not_depend_on_the_order(self):
        modules = ["components.trainer", "components.evaluator"]
        there, back = source_of(*modules), source_of(*reversed(modules))
        assert list(there.items()) == list(back.items())


class TestOurNodes:
    def test_trainer_runs_again_for_the_model_and_not_for_the_gate(self):
        files = source_of("components.trainer")
        assert {"components/model.py", "components/serving.py", "components/features.py"} < set(
            files
        )
        assert {"custom_objects/registry.py", "custom_objects/__init__.py"} < set(files)
        assert not {"components/evaluator.py", "components/pusher.py"} & set(files)

    def test_transform_runs_again_for_nothing_but_itself(self):
        assert set(source_of("components.preprocessing")) == {
            "components/__init__.py",
            "components/dates.py",
            "components/preprocessing.py",
            "components/features.py",
            "components/target.py",
        }

    def test_imports_between_the_rooms_are_absolute(self):
        """A relative import is not followed: write ``from components.model import …``."""
        for file in [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]:
            for node in ast.walk(ast.parse(file.read_text())):
                relative = isinstance(node, ast.ImportFrom) and node.level > 0
                assert not relative, f"{file}:{node.lineno}: write the import in full"
