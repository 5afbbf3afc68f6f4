"""Two logical CPUs, so that a strategy over several devices has them."""

import tensorflow as tf

# As in tests/custom_objects. Raises once TensorFlow has started, so before any test.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
