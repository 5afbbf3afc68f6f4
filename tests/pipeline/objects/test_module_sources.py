"""Paths that are no modules are refused without TensorFlow."""

import pytest

from huberflow.custom_objects.input_error import InputErrors
from huberflow.pipeline.objects.module_sources import find_sources

PLACES = {
    "missing.py": (None, "a path where nothing is"),
    "notes.ipynb": ("{}", "a .ipynb file"),
    "my_losses": ("", "a file without .py"),
    "my-losses.py": ("", "'my-losses', which is no name in Python"),
    "huberflow.py": ("", "huberflow, a module of huberflow"),
    "statistics.py": ("", "statistics, a module of Python"),
    "numpy.py": ("", "numpy, an installed package"),
    "folder/losses.txt": ("", "a folder without __init__.py"),
}


def errors(*paths):
    with pytest.raises(InputErrors) as raised:
        find_sources(paths)
    return raised.value.errors


@pytest.mark.parametrize("place", PLACES)
def test_a_path_that_is_no_module_is_refused(place, tmp_path):
    content, received = PLACES[place]
    if content is not None:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(content)
    path = tmp_path / place.partition("/")[0]
    (error,) = errors(path)
    assert (error.key, error.received) == (str(path), received)


def test_two_modules_of_one_name_are_refused(tmp_path):
    paths = [tmp_path / place / "my_losses.py" for place in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("")
    (error,) = errors(*paths)
    assert (error.key, error.received) == (str(paths[1]), f"my_losses, as {paths[0]} has")


def test_wrong_syntax_is_refused_with_its_place_in_every_file(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("import os\ndef f(:\n")
    for error, name in zip(
        errors(tmp_path / "one.py", tmp_path / "two.py"), ("one.py", "two.py"), strict=True
    ):
        assert error.key == f"{tmp_path / name}, line 2"
        assert error.expected == "Python"
        assert error.received.endswith(": def f(:")


class TestAPackage:
    @pytest.fixture
    def package(self, tmp_path):
        package = tmp_path / "my_objects"
        (package / "parts").mkdir(parents=True)
        for file in ("__init__.py", "losses.py", "parts/__init__.py", "notes.md"):
            (package / file).write_text("")
        return package

    def test_counts_with_all_of_its_source(self, package):
        (source,) = find_sources([package])
        assert (source.name, source.folder) == ("my_objects", package.parent)
        assert source.files == (
            "my_objects/__init__.py",
            "my_objects/losses.py",
            "my_objects/parts/__init__.py",
        )

    def test_changes_its_hash_with_each_line_and_with_nothing_else(self, package):
        (before,) = find_sources([package])
        (package / "notes.md").write_text("more")
        assert find_sources([package]) == [before]
        (package / "losses.py").write_text("TWICE = 2.0\n")
        (after,) = find_sources([package])
        assert after.sha256 != before.sha256
