"""Objects of a script or notebook, written to a module."""

import doctest
import linecache
import subprocess
import sys
import types

import pytest
import tensorflow as tf
import tf_keras

import huberflow
from huberflow.custom_objects.input_error import InputError

SCRIPT = """
from __future__ import annotations
import math
import os.path as paths
import numpy as np, tensorflow as tf
import tf_keras
from tf_keras import losses as kl
from math import tau

SCALE = 3.0
NAMES = ("a", 2)
TENSOR = tf.constant(1.0)


def unused(x):
    return TENSOR


def halved(value: tf.Tensor) -> tf.Tensor:
    return value / 2 if math.isfinite(tau) else value


class Base(kl.Loss):
    \"\"\"What the loss shares with others.\"\"\"

    def scaled(self, values):
        return SCALE * halved(values)


@tf_keras.utils.register_keras_serializable("mine")
class MyLoss(Base):
    def __init__(self, power=1.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        SCALE_ = len(NAMES)
        return self.scaled(tf.reduce_mean(tf.abs(y_true - y_pred) ** self.power, axis=-1))

    def get_config(self):
        return {**super().get_config(), "power": self.power}


def my_fn(y_true, y_pred):
    return tf.reduce_mean([each * 1.0 for each in [tf.abs(y_true - y_pred)]][0], axis=-1)


def with_tensor(y_true, y_pred):
    return TENSOR * my_fn(y_true, y_pred)


class Same(Base):
    pass
"""


@pytest.fixture(autouse=True)
def as_before(own_registry):
    """Modules go with the test, as names in Keras's registry do."""
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A module that looks like a script, whose namespace is that of ``__main__``."""

    def run(text=SCRIPT, name="script.py"):
        (tmp_path / name).write_text(text)
        main = types.ModuleType("__main__")
        main.__file__ = str(tmp_path / name)
        monkeypatch.setitem(sys.modules, "__main__", main)
        exec(compile(text, main.__file__, "exec"), vars(main))  # noqa: S102
        return main

    return run


@pytest.fixture
def notebook(monkeypatch):
    """A namespace whose cells have run, as IPython runs them."""

    def run(*cells):
        main = types.ModuleType("__main__")
        monkeypatch.setitem(sys.modules, "__main__", main)
        main.In = ["", *cells]
        for number, cell in enumerate(cells):
            file = f"/tmp/ipykernel_1/{number}.py"
            linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
            exec(compile(cell, file, "exec"), vars(main))  # noqa: S102
        return main

    return run


def test_the_example_runs():
    example = doctest.DocTestParser().get_doctest(
        huberflow.objects.write.__doc__, {}, "write", None, None
    )
    printed = []
    doctest.DocTestRunner().run(example, out=printed.append)
    assert example.examples
    assert not printed, "".join(printed)


class TestAScript:
    def test_objects_have_the_module_and_work(self, script, tmp_path):
        main = script()
        loss, function = huberflow.objects.write(tmp_path / "my_losses.py", main.MyLoss, main.my_fn)
        assert (loss.__module__, function.__module__) == ("my_losses", "my_losses")
        assert loss is not main.MyLoss
        assert float(loss(2.0)(tf.zeros((2, 1)), tf.fill((2, 1), 3.0))) == 13.5
        assert tf_keras.saving.get_registered_name(loss) == "mine>MyLoss"
        assert tf_keras.saving.get_registered_name(function) == "my_losses>my_fn"

    def test_the_module_has_what_they_use_and_nothing_else(self, script, tmp_path):
        huberflow.objects.write(tmp_path / "my_losses.py", script().MyLoss)
        lines = (tmp_path / "my_losses.py").read_text().splitlines()
        assert [line for line in lines if "import" in line] == [
            "from __future__ import annotations",
            "from math import tau",
            "from tf_keras import losses as kl",
            "import math",
            "import tensorflow as tf",
            "import tf_keras",
        ]
        tops = [line for line in lines if line.startswith(("class", "def", "SCALE", "NAMES"))]
        assert tops == [
            "SCALE = 3.0",
            "def halved(value: tf.Tensor) -> tf.Tensor:",
            "class Base(kl.Loss):",
            "NAMES = ('a', 2)",
            "class MyLoss(Base):",
        ]

    def test_a_process_elsewhere_imports_it(self, script, tmp_path):
        main = script()
        huberflow.objects.write(tmp_path / "my_losses.py", main.MyLoss, main.Same)
        code = "import my_losses; print(my_losses.MyLoss().power, my_losses.Same)"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stdout == "1.0 <class 'my_losses.Same'>\n", done.stderr

    def test_written_again_it_is_the_same_module(self, script, tmp_path):
        file, main = tmp_path / "my_losses.py", script()
        first = huberflow.objects.write(file, main.MyLoss)
        assert huberflow.objects.write(file, main.MyLoss) is first
        assert huberflow.objects.write(file, first) is first

    def test_a_changed_object_takes_the_place_of_the_first(self, script, tmp_path):
        file = tmp_path / "my_losses.py"
        huberflow.objects.write(file, script().MyLoss)
        changed = script(SCRIPT.replace("power=1.0", "power=5.0"), "again.py").MyLoss
        written = huberflow.objects.write(file, changed)
        assert written().power == 5.0
        assert tf_keras.utils.get_custom_objects()["mine>MyLoss"] is written


NAMES_OF_NOW = """
import functools
from math import pi
from operator import sub as changed
from operator import add as changed
from tensorflow import keras
import tensorflow as tf

pi = 3
keras.losses.Loss


def by_names(x):
    return changed(x, pi)


@functools.lru_cache
def cached(x):
    return 2 * x


@tf.function
def traced(x):
    return 2 * x


def real(x):
    return x + 1


alias = real


class Settings:
    add = 1


settings = Settings


def by_helpers(x):
    return cached(x) + int(traced(x)) + alias(x) + settings.add


def by_keras(x):
    return keras.activations.relu(x)
"""


class TestNames:
    def test_are_what_they_are_when_it_is_written(self, script, tmp_path):
        written = huberflow.objects.write(tmp_path / "my_acts.py", script(NAMES_OF_NOW).by_names)
        assert written(1) == 4
        text = (tmp_path / "my_acts.py").read_text()
        assert "pi = 3" in text
        assert "sub" not in text

    def test_of_decorated_helpers_and_of_second_names(self, script, tmp_path):
        written = huberflow.objects.write(tmp_path / "my_acts.py", script(NAMES_OF_NOW).by_helpers)
        assert written(5) == 10 + 10 + 6 + 1
        text = (tmp_path / "my_acts.py").read_text()
        assert "__main__" not in text
        assert "@functools.lru_cache" in text

    def test_of_a_module_that_is_loaded_late(self, script, tmp_path):
        huberflow.objects.write(tmp_path / "my_acts.py", script(NAMES_OF_NOW).by_keras)
        assert "from tensorflow import keras" in (tmp_path / "my_acts.py").read_text()


class TestANotebook:
    def test_imports_and_helpers_come_from_other_cells(self, notebook, tmp_path):
        main = notebook(
            "import tensorflow as tf\nfrom tf_keras.losses import Loss",
            "LIMIT = 2.0",
            "def clipped(x):\n    return tf.minimum(x, LIMIT)",
            "class Clipped(Loss):\n"
            "    def call(self, y_true, y_pred):\n"
            "        return tf.reduce_mean(clipped(tf.abs(y_true - y_pred)), axis=-1)",
            "class Named(Clipped):\n    pass",
        )
        clipped, named = huberflow.objects.write(
            tmp_path / "my_losses.py", main.Clipped, main.Named
        )
        assert float(clipped()(tf.zeros((2, 1)), tf.fill((2, 1), 3.0))) == 2.0
        assert issubclass(named, clipped)

    def test_what_is_written_later_may_use_what_was_written_before(self, notebook, tmp_path):
        main = notebook("def one(x):\n    return 2 * x", "def two(x):\n    return one(x) + 1")
        file = tmp_path / "my_acts.py"
        main.one = huberflow.objects.write(file, main.one)
        assert huberflow.objects.write(file, main.two)(3) == 7
        assert "import" not in file.read_text()

    def test_of_one_module_are_written_in_one_call(self, notebook, tmp_path):
        """A second call would take the first object out of the module, in silence."""
        main = notebook("def one(x):\n    return 2 * x", "def two(x):\n    return 3 * x")
        file = tmp_path / "my_acts.py"
        main.one = huberflow.objects.write(file, main.one)
        with pytest.raises(InputError) as refused:
            huberflow.objects.write(file, main.two)
        line = 'one, two = huberflow.objects.write("my_acts.py", one, two)'
        assert refused.value.write == line
        one, two = huberflow.objects.write(file, main.one, main.two)
        assert (one(1), two(1)) == (2, 3)

    def test_the_last_of_two_definitions_counts(self, notebook, tmp_path):
        cells = [f"def act(x):\n    return {factor} * x" for factor in (1, 7)]
        main = notebook(*cells)
        assert huberflow.objects.write(tmp_path / "my_acts.py", main.act)(1) == 7


class TestRefused:
    def refusal(self, *arguments):
        with pytest.raises(InputError) as raised:
            huberflow.objects.write(*arguments)
        return raised.value

    def test_a_file_that_somebody_else_wrote_or_changed(self, script, tmp_path):
        file, main = tmp_path / "my_losses.py", script()
        file.write_text("mine = 1\n")
        assert "somebody else" in self.refusal(file, main.MyLoss).received
        assert file.read_text() == "mine = 1\n"
        file.unlink()
        huberflow.objects.write(file, main.MyLoss)
        changed = file.read_text().replace("power=1.0", "power=9.0")
        file.write_text(changed)
        assert "another name" in self.refusal(file, main.MyLoss).hint
        assert file.read_text() == changed

    @pytest.mark.parametrize(
        "name",
        [
            "my-losses.py",
            "losses",
            "class.py",
            "statistics.py",
            "numpy.py",
            "reload.py",
            "small_layers.py",
        ],
    )
    def test_a_name_that_is_no_new_module(self, script, tmp_path, name):
        assert "new module" in self.refusal(tmp_path / name, script().MyLoss).expected
        assert not (tmp_path / name).exists()

    def test_a_value_that_cannot_be_written(self, script, tmp_path):
        error = self.refusal(tmp_path / "my_losses.py", script().with_tensor)
        assert error.key == "with_tensor: TENSOR"
        assert "EagerTensor" in error.received
        assert not (tmp_path / "my_losses.py").exists()

    @pytest.mark.parametrize(
        ("before", "after", "key"),
        [
            ("K = 1\ndef act(x, k=K): return k * x", "K = 2", "act: k"),
            ("K = 1\ndef act(x, *, k=K + 1): return k * x", "K = 2", "act: k"),
            ("K = 1\nclass act:\n    two = 1\n    k = two + K", "K = 2", "act: k"),
            ("K = 1\nclass act:\n    def call(self, k=K): return k", "K = 2", "act: k"),
            ("class B:\n    k = 1\nclass act(B): pass", "class B:\n    k = 2", "act: its base"),
            ("def g(x): return 1\ndef act(x, g=g): return g(x)", "def g(x): return 2", "act: g"),
            ("class act:\n    k = 1", "act.k = 2", "act: k"),
        ],
        ids=["default", "keyword", "attribute", "method", "base", "function", "assigned"],
    )
    def test_a_definition_that_took_what_has_changed_since(
        self, notebook, tmp_path, before, after, key
    ):
        error = self.refusal(tmp_path / "my_acts.py", notebook(before, after).act)
        assert error.key == key

    def test_a_function_that_was_wrapped_after_its_definition(self, notebook, tmp_path):
        cells = [
            "import functools",
            "def helper(x): return x",
            "fast = functools.lru_cache(helper)",
            "root = functools.lru_cache(abs)",
            "def act(x): return fast(x)",
            "def other(x): return root(x)",
        ]
        main = notebook(*cells)
        assert self.refusal(tmp_path / "my_acts.py", main.act).key == "helper"
        assert self.refusal(tmp_path / "my_acts.py", main.other).key == "other: root"

    def test_a_lambda_and_a_function_inside_another(self, tmp_path):
        for target in (lambda x: x, self._inside()):
            error = self.refusal(tmp_path / "my_losses.py", target)
            assert "def my_function" in error.write

    def _inside(self):
        def inside(x):
            return x

        return inside

    def test_an_object_without_source(self, tmp_path, notebook):
        main = notebook()
        exec("def act(x):\n    return x", vars(main))  # noqa: S102
        assert "cannot be found" in self.refusal(tmp_path / "my_acts.py", main.act).received
