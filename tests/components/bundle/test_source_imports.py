"""The modules of a bundle import each other, and are found by Python, as in their own package."""

import sys

import pytest

from huberflow.components.bundle import reload

PACKAGE = {
    "acme/__init__.py": "__all__ = ['deep']\nfrom .left import LEFT\n",
    "acme/left.py": "LEFT = 1\nfrom . import right\n",
    "acme/right.py": "from acme import left\nRIGHT = left.LEFT + 1\n",
    "acme/star.py": "from acme import *\nSTAR = deep.inner.INNER\n",
    "acme/deep/__init__.py": "from . import inner\n",
    "acme/deep/inner.py": "from ..right import RIGHT\nINNER = RIGHT + 1\n",
    "acme/broken.py": "BROKEN = 1\nimport no_such_module\n",
    "acme/tolerant.py": """
try:
    from acme.broken import BROKEN
except ImportError:
    BROKEN = 0
try:
    from acme import broken
except ImportError:
    broken = None
""",
    "acme/classes.py": """
from __future__ import annotations
import dataclasses, inspect, logging, sys, typing

@dataclasses.dataclass(frozen=True)
class Limits:
    kind: typing.ClassVar[str] = "limits"
    largest: float = 2.0

SOURCE = inspect.getsource(Limits)
HINTS = typing.get_type_hints(Limits)
OWN = getattr(sys.modules[__name__], "Limits") is Limits
NAME = logging.getLogger(__name__).name
""",
}


@pytest.fixture
def imported(tmp_path):
    """A function that imports a module of a bundle by name."""
    folder = tmp_path / reload.layout.EXTRA
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    files = {
        f"{reload.layout.EXTRA}/{name}": reload.integrity.digest(folder / name) for name in PACKAGE
    }
    before = dict(sys.modules)

    def imported(name):
        entry = {"name": name, "module": name, "class": "__name__"}
        source = reload.own_imports.OwnImports(folder, files, [entry])
        source.objects()
        return source._module(name)

    yield imported
    assert {name: sys.modules[name] for name in before} == before
    assert not [name for name in sys.modules if name.partition(".")[0] == "acme"]


def test_modules_that_import_each_other(imported):
    assert imported("acme.right").RIGHT == 2
    assert imported("acme").LEFT == 1


def test_all_names_of_a_package(imported):
    assert imported("acme.star").STAR == 3


def test_a_module_that_fails_is_not_there_at_the_second_import_either(imported):
    tolerant = imported("acme.tolerant")
    assert (tolerant.BROKEN, tolerant.broken) == (0, None)


def test_a_module_that_is_not_in_the_bundle(imported):
    with pytest.raises(ModuleNotFoundError, match=r"acme\.none"):
        imported("acme.none")


def test_python_finds_the_module_of_a_class(imported):
    """By its ``__module__``: for annotations that are text, and for its source."""
    classes = imported("acme.classes")
    assert [field for field in classes.Limits.__dataclass_fields__.values() if field.init]
    assert classes.Limits().largest == 2.0
    assert classes.SOURCE.splitlines()[1] == "class Limits:"
    assert classes.HINTS["largest"] is float
    assert classes.OWN
    assert classes.NAME == "acme.classes"


def test_a_name_equals_its_text(imported):
    name = imported("acme.classes").Limits.__module__
    assert name == "acme.classes"
    assert f"{name}.Limits" == "acme.classes.Limits"
