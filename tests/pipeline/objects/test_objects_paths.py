"""Paths that are no modules, and text that is no Python, are refused without TensorFlow."""

import json

import pytest
from tiny_objects import loss

from huberflow.pipeline.objects.sources import ObjectsError, find

PLACES = {
    "missing.py": (None, "expected a Python file or package, received a path where nothing is"),
    "notes.ipynb": (
        "{}",
        "expected a Python file, my_losses.py, or a package, received a .ipynb file",
    ),
    "my_losses": (
        "",
        "expected a Python file, my_losses.py, or a package, received a file without .py",
    ),
    "my-losses.py": (
        "",
        "expected a name that can be imported, received 'my-losses'; rename it: letters, digits "
        "and _, such as my_losses.py",
    ),
    "class.py": (
        "",
        "expected a name that can be imported, received 'class'; rename it: letters, digits and "
        "_, such as my_losses.py",
    ),
    "huberflow.py": (
        "",
        "expected a name of its own, received huberflow, this package; rename it, "
        "such as my_huberflow.py",
    ),
    "statistics.py": (
        "",
        "expected a name of its own, received statistics, a module of Python's own; rename it, "
        "such as my_statistics.py",
    ),
    "numpy.py": (
        "",
        "expected a name of its own, received numpy, an installed package; rename it, such as "
        "my_numpy.py",
    ),
    "folder/losses.txt": (
        "",
        "expected a package, received a folder without __init__.py; write one that imports what "
        "the package offers: from .losses import MyLoss",
    ),
}
TEXTS = {
    "brackets": (
        b"import tf_keras\n\nclass MyLoss(:\n",
        ", line 3: expected Python, received invalid syntax: class MyLoss(:",
    ),
    "latin": (
        "x = 'Größe'\n".encode("latin-1"),
        ": expected text in UTF-8, received other bytes at 7; save it as UTF-8",
    ),
    "zeros": (
        b"x = 1\0\n",
        ": expected Python, received source code string cannot contain null bytes",
    ),
}


def refusal(*paths):
    with pytest.raises(ObjectsError) as raised:
        find(paths)
    return str(raised.value)


@pytest.mark.parametrize("place", PLACES)
def test_a_path_that_is_no_module_is_refused(place, tmp_path):
    content, message = PLACES[place]
    if content is not None:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(content)
    path = tmp_path / place.partition("/")[0]
    assert refusal(path) == f"{path}: {message}"


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_python_is_refused_with_its_line(name, tmp_path):
    content, message = TEXTS[name]
    path = tmp_path / f"{name}.py"
    path.write_bytes(content)
    assert refusal(path) == f"{path}{message}"


def test_one_module_of_a_package_is_refused(tmp_path):
    (tmp_path / "__init__.py").write_text("")
    path = tmp_path / "losses.py"
    path.write_text(loss())
    assert refusal(path) == (
        f"{path}: expected a module that stands alone, received one of the package "
        f"{tmp_path.name}; write: --objects {tmp_path}"
    )


def test_two_modules_of_one_name_are_refused(tmp_path):
    paths = [tmp_path / place / "my_losses.py" for place in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(loss())
    assert refusal(*paths) == (
        f"{paths[1]}: expected a name of its own, received my_losses, as of {paths[0]}; rename one"
    )


def test_a_link_to_nothing_is_refused(tmp_path):
    path = tmp_path / "my_losses.py"
    path.symlink_to(path)
    assert (
        refusal(path)
        == f"{path}: expected a Python file or package, received a path where nothing is"
    )


def test_all_mistakes_are_told_at_once(tmp_path):
    assert len(refusal(tmp_path / "a.py", tmp_path / "b.py").splitlines()) == 2


class TestAPackage:
    @pytest.fixture
    def package(self, tmp_path):
        package = tmp_path / "my_objects"
        (package / "parts").mkdir(parents=True)
        for file in ("__init__.py", "losses.py", "parts/__init__.py", "notes.md"):
            (package / file).write_text("")
        return package

    def test_counts_with_all_of_its_source(self, package):
        (source,) = find([package])
        assert (source.name, source.folder) == ("my_objects", package.parent)
        assert source.files == (
            "my_objects/__init__.py",
            "my_objects/losses.py",
            "my_objects/parts/__init__.py",
        )

    def test_changes_its_hash_with_each_line_and_with_nothing_else(self, package):
        (before,) = find([package])
        (package / "notes.md").write_text(json.dumps("more"))
        assert find([package]) == [before]
        (package / "losses.py").write_text("TWICE = 2.0\n")
        (after,) = find([package])
        assert after.sha256 != before.sha256
