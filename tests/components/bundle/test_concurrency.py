"""A bundle loads beside whatever else the process does: threads, strategies, policies, forks."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_bundles import edited, loader_of

from huberflow.components.bundle import reload

OPTION = "arithmetic_optimization"


@pytest.fixture(scope="module")
def threefold(bundle, tmp_path_factory):
    """The same model; its loss, of a module of the same name, is three times as large."""
    copy = shutil.copytree(bundle, tmp_path_factory.mktemp("threefold") / "bundle")
    returned = "    return shapes.per_sample(ops, values)"
    edited(
        copy,
        "huberflow/custom_objects/losses.py",
        returned,
        f"    values = 3.0 * values\n{returned}",
    )
    return copy


@pytest.fixture(scope="module")
def golden(bundle):
    return reload.golden(bundle)


def at_once(count, call):
    """The results of ``call(0)``, ``call(1)``, … in that many threads, which start together."""
    start = threading.Barrier(count)

    def started(number):
        start.wait(60)
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count), timeout=300))


class TestThreads:
    def test_load_the_same_and_other_bundles(self, bundle, threefold, golden):
        """Every thread gets the model of its own bundle, half of them by its own ``reload.py``."""
        paths = [bundle, threefold] * 4
        loaders = [reload] * 4 + [loader_of(path) for path in paths[4:]]
        before = dict(tf_keras.utils.get_custom_objects())
        modules = {name for name in sys.modules if name.startswith("huberflow")}

        def values(number):
            model = loaders[number].load(paths[number])
            with reload.deterministic_sums():
                return reload.measuring.model_values(model, golden.inputs, golden.labels)

        found = at_once(len(paths), values)
        for path, received in zip(paths, found, strict=True):
            factor = 3.0 if path is threefold else 1.0
            for name in ("model/prediction", "model/loss_per_example"):
                expected = golden.values[name] * (factor if "loss" in name else 1.0)
                np.testing.assert_array_equal(received[name], np.float32(expected))
        assert dict(tf_keras.utils.get_custom_objects()) == before
        assert {name for name in sys.modules if name.startswith("huberflow")} == modules

    def test_check_at_once(self, bundle):
        """Each thread sums in the order of the code, and none does afterwards."""
        reports = at_once(3, lambda _: reload.check(bundle))
        assert {report["precision"] for report in reports} == {"same_machine"}
        assert all(report["ok"] for report in reports), reports
        assert tf.config.optimizer.get_experimental_options().get(OPTION, True)

    def test_sums_are_in_the_order_of_the_code_in_their_own_thread_alone(self):
        with reload.deterministic_sums():
            assert tf.config.optimizer.get_experimental_options().get(OPTION, True)


FACTORS = """
import in_between
import tf_keras

@tf_keras.utils.register_keras_serializable("acme")
def factor(values):
    import acme.tables
    return acme.tables.FACTOR * values

@tf_keras.utils.register_keras_serializable("acme")
def late(values):
    import acme.late
    return acme.late.late(values)

in_between.run()
"""
LATE = """
import in_between
import tf_keras

@tf_keras.utils.register_keras_serializable("acme")
def late(values):
    return 3.0 * values

in_between.run()
"""
KEPT = """
import in_between
import tf_keras
import registering

registry = tf_keras.utils.get_custom_objects()
registry.clear()
registry["thing"] = registering.thing

def kept():
    return registry

in_between.run()
"""
REGISTERING = """
import tf_keras

@tf_keras.utils.register_keras_serializable("registering")
def thing(values):
    return values
"""


def written(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {
        f"{reload.layout.EXTRA}/{name}": reload.integrity.digest(folder / name) for name in texts
    }


@pytest.fixture
def meanwhile(tmp_path, monkeypatch):
    """A function of another function: loads the bundle, and runs that one in the middle."""
    installed = {"acme/__init__.py": "", "acme/tables.py": "FACTOR = 200.0"}
    written(tmp_path / "installed", {**installed, "registering.py": REGISTERING})
    monkeypatch.syspath_prepend(tmp_path / "installed")
    own = {"tables": "FACTOR = 2.0", "factors": FACTORS, "late": LATE, "kept": KEPT}
    texts = {**installed, **{f"acme/{name}.py": text for name, text in own.items()}}
    files = written(tmp_path / reload.layout.EXTRA, texts)

    def load(other, name="factor", module="acme.factors"):
        def run():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(60)
            assert not thread.is_alive(), "it waits for the bundle's import"

        monkeypatch.setitem(sys.modules, "in_between", types.SimpleNamespace(run=run))
        folder = tmp_path / reload.layout.EXTRA
        entry = {"name": f"acme>{name}", "module": module, "class": name}
        source = reload.own_imports.OwnImports(folder, files, [entry])
        with source.registered():
            run()
            return tf_keras.saving.get_registered_object(f"acme>{name}")

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] in ("acme", "registering")]:
        del sys.modules[name]
    tf_keras.utils.get_custom_objects().pop("registering>thing", None)


class TestOtherImports:
    """While a bundle's modules are being imported, another thread works with those of the process.

    In both there is a package ``acme``.
    """

    def test_each_imports_its_own(self, meanwhile):
        found = []

        def other():
            import acme.tables

            found.append(acme.tables.FACTOR)

        factor = meanwhile(other)
        assert factor(1.0) == 2.0
        assert [sys.modules["acme.tables"].FACTOR, *found] == [200.0, 200.0, 200.0]


class TestKerasRegistry:
    """While a bundle is loaded, Keras's registry is for other threads what it was."""

    def test_what_another_thread_registers_stays(self, meanwhile, monkeypatch):
        registry = tf_keras.utils.get_custom_objects()
        monkeypatch.delitem(registry, "elsewhere>own", raising=False)  # and afterwards

        def own():
            return None

        register = tf_keras.utils.register_keras_serializable("elsewhere", "own")
        meanwhile(lambda: register(own))
        assert registry.pop("elsewhere>own") is own
        assert "acme>factor" not in registry

    @pytest.mark.parametrize("name", ["factor", "late"])
    @pytest.mark.parametrize("registered", [True, False])
    def test_another_thread_finds_its_own(self, meanwhile, monkeypatch, registered, name):
        registry = tf_keras.utils.get_custom_objects()

        def own():
            return None

        if registered:
            monkeypatch.setitem(registry, f"acme>{name}", own)
        before = dict(registry)
        ways = {
            "registered object": lambda: tf_keras.saving.get_registered_object(f"acme>{name}"),
            "all objects": lambda: dict(tf_keras.utils.get_custom_objects()),
            "optimizer": lambda: tf_keras.saving.get_registered_object("Lion"),
        }
        found = []
        loaded = meanwhile(lambda: found.append({way: look() for way, look in ways.items()}), name)
        assert loaded(1.0) == (2.0 if name == "factor" else 3.0)  # which registers its `late`
        expected = {
            "registered object": own if registered else None,
            "all objects": before,
            "optimizer": None,
        }
        assert found == [expected] * (2 if name == "factor" else 3)
        assert dict(registry) == before

    def test_what_the_bundles_code_does_with_it_is_for_the_bundle_alone(self, meanwhile):
        registry = tf_keras.utils.get_custom_objects()
        before, found = dict(registry), []
        kept = meanwhile(
            lambda: found.append(dict(tf_keras.utils.get_custom_objects())), "kept", "acme.kept"
        )
        thing = sys.modules["registering"].thing  # of a module that is not the bundle's
        assert found == [{**before, "registering>thing": thing}] * 2
        assert dict(registry) == found[-1]
        assert dict(kept()) == dict(registry)


@pytest.fixture
def as_before():
    """Puts Keras's and TensorFlow's global settings back."""
    policy, floatx = tf_keras.mixed_precision.global_policy(), tf_keras.backend.floatx()
    yield
    tf_keras.mixed_precision.set_global_policy(policy)
    tf_keras.backend.set_floatx(floatx)
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("as_before")
class TestGlobalSettings:
    @pytest.mark.parametrize(
        "changed",
        [
            lambda: tf_keras.mixed_precision.set_global_policy("mixed_float16"),
            lambda: tf_keras.backend.set_floatx("float64"),
            lambda: tf.config.run_functions_eagerly(True),
        ],
        ids=["mixed-policy", "floatx-float64", "eager-functions"],
    )
    def test_the_model_is_the_same_under_them(self, bundle, changed):
        changed()
        report = reload.check(bundle)
        assert report["precision"] == "same_machine"
        assert report["ok"], report["values"]

    def test_in_a_running_event_loop(self, bundle, golden):
        async def predictions():
            return reload.load(bundle).predict_on_batch(golden.inputs)

        with reload.deterministic_sums():
            received = asyncio.run(predictions())
        np.testing.assert_array_equal(received, golden.values["model/prediction"])

    def test_under_a_strategy(self, bundle, golden, two_replicas):
        with two_replicas.scope():
            model = reload.load(bundle)
        assert len(model.trainable_variables[0].values) == 2, "not on both replicas"
        with reload.deterministic_sums():
            received = model.predict_on_batch(golden.inputs)
        np.testing.assert_array_equal(received, golden.values["model/prediction"])
        state = [reload.resuming.optimizer_variables(each) for each in (model, reload.load(bundle))]
        for there, here in zip(*state, strict=True):
            np.testing.assert_array_equal(there.numpy(), here.numpy())


FORKS = """
import json, os, sys, importlib.util
path = sys.argv[1]

def loader():
    spec = importlib.util.spec_from_file_location("reload", path + "/assets.extra/reload.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def in_child(call):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = call()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said

def predicted(reload):
    rows = reload.golden(path)
    model = reload.load(path)
    return str((model.predict_on_batch(rows.inputs) == rows.values["model/prediction"]).all())

import tensorflow as tf
import tf_keras
reload = loader()
said = {"imported": in_child(lambda: predicted(reload))}
reload.load(path)
for name in ("load", "predictor", "check"):
    said[name] = in_child(lambda: str(getattr(reload, name)(path)))
said["late loader"] = in_child(lambda: str(loader().load(path)))
said["parent"] = predicted(reload)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def forked(bundle):
    """What children of a process say of the bundle, forked before and after TensorFlow started."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(bundle)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class TestFork:
    def test_before_tensorflow_starts_it_works(self, forked):
        assert forked["imported"] == forked["parent"] == "True"

    @pytest.mark.parametrize("name", ["load", "predictor", "check", "late loader"])
    def test_after_tensorflow_started_it_is_refused(self, forked, name):
        assert forked[name].startswith("ReloadError: ")
        assert "forked" in forked[name]
        assert "spawn" in forked[name]
