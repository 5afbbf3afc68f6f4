"""Imports that run when the model is used still get the bundle's modules."""

import sys
import types

import pytest
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload

OWN = """
import importlib
import importlib.util
import importlib as others
from importlib import import_module

def statement(values):
    import acme.tables as tables
    return tables.FACTOR * values

def attribute(values):
    return importlib.import_module("acme.tables").FACTOR * values

def alias(values):
    return others.import_module(".tables", "acme").FACTOR * values

def function(values):
    return import_module(name="acme.tables").FACTOR * values

def built_in(values):
    return __import__("acme.tables").tables.FACTOR * values

def of_tensorflow():
    return importlib.import_module("tensorflow").keras

def of_others():
    return importlib.util.find_spec("json").name, importlib.import_module("json").__name__
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The bundle's module, after it was loaded; this process has another ``acme.tables``."""
    texts = {"own.py": OWN, "acme/__init__.py": "", "acme/tables.py": "FACTOR = 2.0"}
    folder = tmp_path / reload.layout.EXTRA
    (folder / "acme").mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    files = {
        f"{reload.layout.EXTRA}/{name}": reload.integrity.digest(folder / name) for name in texts
    }
    others = {name: types.ModuleType(name) for name in ("acme", "acme.tables")}
    others["acme"].tables = others["acme.tables"]
    others["acme.tables"].FACTOR = 200.0
    for name, module in others.items():
        monkeypatch.setitem(sys.modules, name, module)
    entry = {"name": "f", "module": "own", "class": "statement"}
    with reload.own_imports.OwnImports(folder, files, [entry]).registered():
        function = tf_keras.saving.get_registered_object("f")
    own = types.SimpleNamespace(**function.__globals__)
    assert sys.modules["acme.tables"] is others["acme.tables"]
    return own


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("name", ["statement", "attribute", "alias", "function", "built_in"])
def test_get_the_modules_of_the_bundle(own, name, traced):
    function = getattr(own, name)
    call = tf.function(function) if traced else function
    assert float(call(tf.constant(3.0))) == 6.0


def test_get_all_else_as_everybody(own):
    assert own.of_tensorflow() is tf_keras
    assert own.of_others() == ("json", "json")
