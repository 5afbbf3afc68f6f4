"""What holds for all tests, and has to be set before the first; and which run side by side."""

import gc
import os
import signal

import pytest

# A shell starts a job in the background with Ctrl-C ignored, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# TensorFlow reads these when it is imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def pytest_collection_finish():
    gc.freeze()  # Python would look through all of TensorFlow again and again: a fifth of the time.


ONE_WORKSPACE = ("browser", "kubeflow", "pushed_bundle", "readme", "taxi", "tracking")
"""The files of tests/e2e that share the runs of its `conftest`."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests side by side, but those that share what they prepare one after another."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            shared = file.endswith(tuple(f"e2e/test_{name}.py" for name in ONE_WORKSPACE))
            return "one workspace" if shared else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def two_replicas():
    """The one strategy of the test process, over two logical CPUs; they stand in for two GPUs.

    Every strategy numbers its collective operations anew, and two in one process clash.
    """
    import tensorflow as tf  # many tests do without its seconds

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture
def own_registry(monkeypatch):
    """What a test registers is forgotten after it, by Keras and by us."""
    import tf_keras

    from huberflow.custom_objects import registry

    monkeypatch.setattr(registry, "_registered", registry.registered())
    names = tf_keras.utils.get_custom_objects()
    before = dict(names)
    yield
    names.clear()
    names.update(before)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small bundle with every kind of custom object; it is for reading, so change a copy."""
    from small_bundles import bundled, trained

    return bundled(trained(), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def serving_client(tmp_path_factory):
    """A program in C that asks a model through TensorFlow's C API."""
    from c_client import compiled

    return compiled(tmp_path_factory.mktemp("c"))
