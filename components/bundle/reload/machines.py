"""All that decides whether two machines compute the same bits."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .layout import Machine
from .releases import versions

if TYPE_CHECKING:
    pass


def machine(device: str) -> Machine:
    """This machine, with one of its devices, and the settings that decide which kernels run."""
    import tensorflow as tf

    if hasattr(os, "sched_getaffinity"):
        threads = len(os.sched_getaffinity(0))
    else:
        threads = os.cpu_count() or 1
    kind, _, index = device.partition(":")
    gpus = tf.config.list_physical_devices("GPU") if kind == "GPU" else []
    details = tf.config.experimental.get_device_details(gpus[int(index)]) if gpus else {}
    return {
        "processor": _processor(),
        "threads": threads,
        "device": details.get("device_name", kind),
        **versions(),
        **_kernels(),
        **(_gpu_software() if gpus else {}),
    }


def machine_differences(there: Machine, here: Machine) -> list[str]:
    """What differs between two machines, in words: ``onednn: on there, off here``."""
    return [
        f"{name}: {there.get(name, 'none')} there, {here.get(name, 'none')} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def _kernels() -> Machine:
    """The settings of this process; what is not set is TensorFlow's default for the processor."""
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_determinism, _pywrap_util_port

    intra = tf.config.threading.get_intra_op_parallelism_threads()
    inter = tf.config.threading.get_inter_op_parallelism_threads()
    return {
        "onednn": _on(_pywrap_util_port.IsMklEnabled()),
        # Eigen's products are oneDNN's kernels too, also where oneDNN is off.
        "onednn_isa": _variable("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"),
        "onednn_math": _variable(
            "TF_SET_ONEDNN_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"
        ),
        "intra_op_threads": str(intra or _variable("TF_NUM_INTRAOP_THREADS")),
        "inter_op_threads": str(inter or _variable("TF_NUM_INTEROP_THREADS")),
        "xla": _xla(),
        "deterministic_ops": _on(_pywrap_determinism.is_enabled()),
    }


def _xla() -> str:
    """Where XLA compiles, and how; a flag with a path, such as one for dumps, decides no bits."""
    import tensorflow as tf

    flags = f"{os.environ.get('TF_XLA_FLAGS', '')} {os.environ.get('XLA_FLAGS', '')}".split()
    chosen = [tf.config.optimizer.get_jit(), *sorted({each for each in flags if "/" not in each})]
    return " ".join(filter(None, chosen)) or "default"


def _gpu_software() -> Machine:
    """What computes on a GPU of NVIDIA's: TensorFlow has loaded these libraries."""
    import ctypes

    import tensorflow as tf

    build, cuda, cudnn = tf.sysconfig.get_build_info(), ctypes.c_int(), 0
    with suppress(OSError, AttributeError):
        runtime = ctypes.CDLL(f"libcudart.so.{build['cuda_version'].partition('.')[0]}")
        runtime.cudaRuntimeGetVersion(ctypes.byref(cuda))
    with suppress(OSError, AttributeError):
        library = f"libcudnn.so.{build['cudnn_version'].partition('.')[0]}"
        cudnn = ctypes.CDLL(library).cudnnGetVersion()
    about = Path("/proc/driver/nvidia/version")
    driver = re.search(r"\d+(\.\d+)+", about.read_text()) if about.exists() else None
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return {
        "tf32": _on(tf32 and os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"),
        "cuda": str(cuda.value or "unknown"),
        "cudnn": str(cudnn or "unknown"),
        "driver": driver[0] if driver else "unknown",
    }


def _on(enabled: bool) -> str:
    return "on" if enabled else "off"


def _variable(*names: str) -> str:
    """The first of these environment variables that is set."""
    return next((os.environ[name].upper() for name in names if os.environ.get(name)), "default")


def _processor() -> str:
    """The processor's name and a digest of its instruction set, which may differ under one name."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    facts = dict(
        reversed([re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line])
    )
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = facts.get("flags") or facts.get("Features") or ""
    return f"{name} ({hashlib.sha256(flags.encode()).hexdigest()[:8]})" if flags else name
