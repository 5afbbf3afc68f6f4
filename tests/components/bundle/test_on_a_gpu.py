"""What a bundle of a CPU proves on a GPU; skipped where there is none."""

import pytest
import tensorflow as tf

from huberflow.components.bundle import reload

pytestmark = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"),
    reason="needs a GPU of NVIDIA's, and uv pip install 'huberflow[gpu]'",
)


def test_its_values_are_within_the_tolerances(bundle):
    report = reload.check(bundle, "gpu")
    assert report["ok"], report["values"]
    assert report["device"].startswith("GPU")
    assert report["precision"] in ("float32", "tf32")
    assert any(each.startswith("device: ") for each in report["differences"])


def test_the_machine_names_the_software_that_decides_its_bits():
    machine = reload.machines.machine("GPU:0")
    assert {machine[name] for name in ("cuda", "cudnn", "driver")}.isdisjoint({"unknown"})


def test_tf32_makes_another_machine():
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    there = reload.machines.machine("GPU:0")
    tf.config.experimental.enable_tensor_float_32_execution(not enabled)
    try:
        here = reload.machines.machine("GPU:0")
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(enabled)
    (difference,) = reload.machines.machine_differences(there, here)
    assert difference.startswith("tf32: ")
