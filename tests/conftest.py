"""What must be set before the first test, whichever that is; TensorFlow reads it when imported."""

import os
import signal

import pytest

# A shell starts a job in the background with Ctrl-C ignored, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def two_replicas():
    """The one strategy of the test process, over two logical CPUs; they stand in for two GPUs.

    Every strategy numbers its collective operations anew, and two in one process clash.
    """
    import tensorflow as tf  # many tests do without its seconds

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small bundle with every kind of custom object; it is for reading, so change a copy."""
    from small_bundles import bundled, trained

    return bundled(trained(), tmp_path_factory.mktemp("small"))
