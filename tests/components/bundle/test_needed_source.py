"""Of a user's modules, those travel that a model's objects import; the rest is said by name."""

import importlib
import importlib.metadata
import sys

import pytest

from huberflow.components.bundle import bundle_source, needed_source
from huberflow.custom_objects.input_error import InputError

ACME = {
    "acme/__init__.py": "",
    "acme/losses.py": """
        from typing import TYPE_CHECKING
        import json, os.path
        import tensorflow as tf
        import numpy as np
        import google.protobuf
        import huberflow
        from tf_keras.losses import Loss
        from . import shapes
        from .parts.scales import scale
        from acme.parts import *
        if TYPE_CHECKING:
            import mlflow
            from acme.billing import rules

        class AcmeLoss(Loss):
            def call(self, y_true, y_pred):
                from acme.late import late
                import missing_optional_package
                return late(scale(tf.abs(y_true - y_pred)))
        """,
    "acme/shapes.py": "",
    "acme/late.py": "import importlib\nplugin = importlib.import_module('.plugin', __package__)",
    "acme/plugin.py": "import acme_tools.deep",
    "acme/unused.py": "import pandas",
    "acme/billing/__init__.py": "",
    "acme/billing/rules.py": "SECRET = 1",
    "acme/parts/__init__.py": "from .sums import total",
    "acme/parts/sums.py": "import packaging",
    "acme/parts/scales.py": "import yaml",
    "acme_tools/deep.py": "",
}


@pytest.fixture
def users(tmp_path, monkeypatch):
    """Writes modules to a user's folder, which Python imports from."""

    def users(files):
        for name, text in files.items():
            file = tmp_path / "user" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = text.strip("\n").splitlines()
            indent = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
            file.write_text("".join(f"{line[indent:]}\n" for line in lines))
        importlib.invalidate_caches()

    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path / "user"))
    yield users
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("acme", "acme_tools", "lazy", "own"):
            del sys.modules[name]


@pytest.fixture
def copied(users, tmp_path):
    """Copies the source that modules among these files need: what is said of it, and the files."""

    def copied(files, *modules):
        users(files)
        folder = tmp_path / "copy"
        said = bundle_source.copy_source(modules, folder)
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
        return said, {name for name in found if not name.startswith("huberflow/")}

    return copied


class TestAPackage:
    def test_gives_what_the_loss_imports(self, copied):
        said, files = copied(ACME, "acme.losses")
        assert said["taken"] == [
            "acme", "acme.late", "acme.losses", "acme.parts", "acme.parts.scales",
            "acme.parts.sums", "acme.plugin", "acme.shapes", "acme_tools.deep",
        ]  # fmt: skip
        assert said["left"] == ["acme.billing", "acme.billing.rules", "acme.unused"]
        taken = {name for name in ACME if "billing" not in name and "unused" not in name}
        assert files == {*taken, "acme_tools/__init__.py"}, "a namespace becomes a package"

    def test_requires_what_is_installed_and_not_taken_for_granted(self, copied):
        said, _ = copied(ACME, "acme.losses")
        yaml = {"name": "PyYAML", "version": importlib.metadata.version("PyYAML")}
        assert said["requirements"] == [yaml]

    def test_is_not_imported_for_it(self, copied):
        copied({**ACME, "acme/unused.py": "raise SystemExit", "acme/losses.py": "import acme"},
               "acme.losses")  # fmt: skip
        assert "acme" not in sys.modules

    def test_that_imports_its_modules_lazily_gives_the_one_that_is_used(self, copied, users):
        lazy = {
            "lazy/__init__.py": """
                import importlib
                __all__ = ["a", "b"]
                def __getattr__(name):
                    if name not in __all__:
                        raise AttributeError(name)
                    return getattr(importlib.import_module(f"{__name__}.module_{name}"), name)
                """,
            "lazy/module_a.py": "def a(): pass",
            "lazy/module_b.py": "def b(): pass",
            "lazy/user.py": "from lazy import a",
        }
        users(lazy)
        importlib.import_module("lazy.user")
        said, _ = copied(lazy, "lazy.user")
        assert said["taken"] == ["lazy", "lazy.module_a", "lazy.user"]
        assert said["left"] == ["lazy.module_b"]

    @pytest.mark.parametrize(
        "text",
        [
            "import huberflow\nfrom huberflow import HuberLoss, custom_objects",
            "from huberflow.custom_objects.losses import HuberLoss",
            "def main():\n    from huberflow import save_bundle",
            "if __name__ == '__main__':\n    import huberflow.callbacks\n    print(__file__)",
        ],
    )
    def test_may_use_huberflow(self, copied, text):
        said, _ = copied({"own.py": text}, "own")
        assert said["taken"] == ["own"]


class TestRefused:
    def refusal(self, users, files, module):
        users(files)
        with pytest.raises(InputError) as raised:
            needed_source.needed([module])
        return raised.value

    @pytest.mark.parametrize("name", ["statistics", "numpy", "keras", "reload"])
    def test_a_module_with_a_name_of_python_or_tensorflow(self, users, name, monkeypatch):
        monkeypatch.delitem(sys.modules, name, raising=False)
        error = self.refusal(users, {f"{name}.py": ""}, name)
        assert error.key.endswith(f"user/{name}.py")
        assert "rename" in error.hint

    @pytest.mark.parametrize(
        "text",
        [
            "import json\nLINES = open(__file__).read()",
            "def f():\n    from importlib import resources",
            "import pkgutil",
            "import importlib\nfor name in ('a', 'b'):\n    importlib.import_module(name)",
            "def f(name):\n    return __import__(name)",
        ],
        ids=["file", "resources", "pkgutil", "import_module", "__import__"],
    )
    def test_code_that_finds_data_or_modules_when_it_runs(self, users, text):
        error = self.refusal(users, {"own.py": text}, "own")
        assert f"own.py, line {len(text.splitlines())}" in error.key

    @pytest.mark.parametrize(
        "line", ["from huberflow import save_bundle, HuberLoss", "import huberflow.callbacks"]
    )
    def test_more_of_huberflow_than_a_bundle_has(self, users, line):
        error = self.refusal(users, {"own.py": line}, "own")
        assert error.write.startswith("import huberflow, and huberflow.")

    def test_a_package_that_is_installed_in_part(self, users, tmp_path, monkeypatch):
        users({"own/mine.py": "import own.core", "site-packages/own/core.py": ""})
        monkeypatch.syspath_prepend(str(tmp_path / "user" / "site-packages"))
        error = self.refusal(users, {}, "own.mine")
        assert error.received == "own, which is installed in part"

    def test_compiled_code(self, users):
        error = self.refusal(users, {"own.so": ""}, "own")
        assert (error.expected.partition(",")[0], error.received) == ("Python source", ".so code")

    @pytest.mark.parametrize(
        "text",
        [
            "import tensorflow as tf\nclass L(tf.keras.losses.Loss): pass",
            "from tensorflow import keras",
            "def f():\n    from tensorflow.keras.losses import Loss",
        ],
        ids=["attribute", "import", "in-a-function"],
    )
    def test_tf_keras_where_it_is_keras_3(self, users, text, monkeypatch):
        import tensorflow as tf

        monkeypatch.setattr(tf.keras, "Model", object)
        error = self.refusal(users, {"own.py": text}, "own")
        assert "Keras 3" in error.received
        assert "TF_USE_LEGACY_KERAS=1" in error.write
