"""Fixes what a result may depend on: Keras 2, two logical CPUs, the seed, no left-over policy."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import functools

import pytest
import tensorflow as tf
import tf_keras

tf.get_logger().setLevel("ERROR")
# Raises once TensorFlow has started: better here than as a distribution test on one device.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(autouse=True)
def _fixed_seed():
    tf_keras.utils.set_random_seed(20260701)


@pytest.fixture
def dtype_policy():
    """Sets Keras's global dtype policy for one test."""
    before = tf_keras.mixed_precision.global_policy()
    yield tf_keras.mixed_precision.set_global_policy
    tf_keras.mixed_precision.set_global_policy(before)


@pytest.fixture(params=["eager", "graph", "xla"])
def run(request):
    """Calls a function of tensors in each of the three ways that TensorFlow has."""
    ways = {
        "eager": lambda function: function,
        "graph": tf.function,
        "xla": functools.partial(tf.function, jit_compile=True),
    }
    return lambda function, *tensors: ways[request.param](function)(*tensors)
