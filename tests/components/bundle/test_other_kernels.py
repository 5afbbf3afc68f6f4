"""The same machine with other kernels: the stated tolerance holds, and the report says why."""

import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import tf_keras
from small_bundles import rewritten

from huberflow.components.bundle import bundle, reload
from huberflow.components.bundle.capture import capture_saved
from huberflow.components.bundle.save import save_bundle

KERNELS = {
    "onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "onednn_isa": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "xla": {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"},
    "intra_op_threads": {"TF_NUM_INTRAOP_THREADS": "1"},
    "deterministic_ops": {"TF_DETERMINISTIC_OPS": "1"},
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A bundle whose sums are long enough for the kernels to show in them."""
    tf_keras.utils.set_random_seed(3)
    inputs = tf_keras.Input((256,), name="x")
    hidden = tf_keras.layers.Dense(256, activation="gelu")(inputs)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(hidden))
    model.compile("adam", "mse")
    rows = np.random.default_rng(3).normal(size=(256, 256)).astype(np.float32)
    path = tmp_path_factory.mktemp("wide") / "bundle"
    save_bundle(model, path, rows, rows.sum(axis=1, keepdims=True), check=False)
    return path


@pytest.fixture(scope="module")
def reports(wide):
    """The bundle's report on itself with each of the ``KERNELS``, in a process of its own."""
    script = str(wide / reload.layout.LOADER)
    processes = {
        name: subprocess.Popen(
            [sys.executable, script, "--check", "--json"],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, variables in KERNELS.items()
    }
    return {name: json.loads(each.communicate()[0]) for name, each in processes.items()}


@pytest.mark.parametrize("name", KERNELS)
def test_other_kernels_have_the_stated_tolerance_and_are_named(reports, name):
    report = reports[name]
    assert report["ok"], report
    assert report["precision"] == "float32"
    (difference,) = report["differences"]
    assert difference.startswith(f"{name}: ")


def test_other_kernels_give_other_bits(reports):
    """Else this says nothing; not each kernel on each processor."""
    values = [each for report in reports.values() for each in report["values"].values()]
    assert any(each["absolute"] for each in values)


def test_here_every_bit_is_the_same(wide):
    report = reload.check(wide)
    assert (report["ok"], report["precision"], report["differences"]) == (True, "same_machine", [])


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("ONEDNN_MAX_CPU_ISA", "avx2", "onednn_isa", "AVX2"),
        ("DNNL_MAX_CPU_ISA", "AVX2", "onednn_isa", "AVX2"),
        ("TF_SET_ONEDNN_FPMATH_MODE", "BF16", "onednn_math", "BF16"),
        ("TF_NUM_INTRAOP_THREADS", "1", "intra_op_threads", "1"),
        ("TF_NUM_INTEROP_THREADS", "1", "inter_op_threads", "1"),
        ("TF_XLA_FLAGS", "--tf_xla_auto_jit=2", "xla", "--tf_xla_auto_jit=2"),
        ("XLA_FLAGS", "--b=1  --a=2 --xla_dump_to=/home/ada", "xla", "--a=2 --b=1"),
    ],
)
def test_each_setting_belongs_to_the_machine(monkeypatch, variable, text, name, value):
    here = reload.machines.machine("CPU:0")
    monkeypatch.setenv(variable, text)
    there = reload.machines.machine("CPU:0")
    assert there == {**here, name: value}
    assert reload.machines.machine_differences(there, here) == [
        f"{name}: {value} there, default here"
    ]


def test_the_text_of_a_check_names_the_difference(wide, monkeypatch, capsys):
    machine = {**reload.machines.machine("CPU:0"), "onednn": "unlike"}
    monkeypatch.setattr(reload.checking, "machine", lambda device: machine)
    assert reload.command_line.main(["--check"], wide) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith(" there, unlike here") and "onednn: " in line for line in lines)


def test_a_bundle_of_another_machine_gets_no_answers_of_this_one(wide, tmp_path, caplog):
    """All values of a certificate are of the one machine that it names."""
    inputs = tf_keras.Input((2,), name="x")
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(inputs))
    path, rows = tmp_path / "bundle", np.ones((2, 2), np.float32)
    model.save(tmp_path / "saved", save_format="tf")
    certificate = bundle.assemble(tmp_path / "saved", None, path, None)
    rewritten(path, machine={**certificate["machine"], "onednn": "unlike"})
    with caplog.at_level(logging.WARNING):
        capture_saved(path, tmp_path / "captured", requests={"serving_default": {"x": rows}})
    assert "onednn: unlike there" in caplog.text
