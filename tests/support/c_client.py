"""Asks bundles without Python: through TensorFlow's C API, on which TensorFlow Serving is built."""

import io
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from huberflow.components.bundle import reload
from huberflow.components.serving.signatures import read_saved_model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"


def compiled(folder: Path) -> Path:
    """The program, as the guide compiles it; the test is skipped where that cannot be."""
    library = Path(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")
    if not library.exists() or not shutil.which("cc"):
        pytest.skip(f"needs a C compiler named cc, and {library}")
    shutil.copy(Path(__file__).with_name("serving_client.c"), folder)
    (command,) = re.findall(r"```sh\n(T=.*?)```", PAGE.read_text(), re.DOTALL)
    here = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["sh", "-ec", f'PATH="{here}:$PATH"\n{command}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "serving_client"


def answers(program: Path, model: Path) -> dict[str, np.ndarray]:
    """What each signature answers to its golden requests, by the names of golden values."""
    (graph,) = read_saved_model(model).meta_graphs
    requests = reload.golden_record.read_golden(model).requests
    asked = {name: graph.signature_def[name] for name in requests}
    done = subprocess.run(
        [program, model],
        input=b"".join(_request(asked[name], given) for name, given in requests.items()),
        env={"TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answered = io.BytesIO(done.stdout)
    return {
        f"answers/{reload.arrays.escaped(name)}/{reload.arrays.escaped(output)}": _read_tensor(
            answered
        )
        for name in asked
        for output in sorted(asked[name].outputs)
    }


def _request(signature: SignatureDef, given: Mapping[str, np.ndarray]) -> bytes:
    parts = [_number(len(given))]
    for argument, array in given.items():
        about = signature.inputs[argument]
        parts += [_text(about.name.encode()), _tensor(array, tf.as_dtype(about.dtype))]
    names = [signature.outputs[output].name.encode() for output in sorted(signature.outputs)]
    return b"".join([*parts, _number(len(names)), *map(_text, names)])


def _number(number: int) -> bytes:
    return struct.pack("=q", number)


def _text(content: bytes) -> bytes:
    return _number(len(content)) + content


def _tensor(array: np.ndarray, dtype: tf.DType) -> bytes:
    head = b"".join(map(_number, (dtype.as_datatype_enum, array.ndim, *array.shape)))
    if dtype == tf.string:
        return head + b"".join(map(_text, array.ravel()))
    return head + _text(array.astype(dtype.as_numpy_dtype).tobytes())


def _read_tensor(stream: io.BytesIO) -> np.ndarray:
    dtype, rank = tf.as_dtype(_read_number(stream)), _read_number(stream)
    shape = [_read_number(stream) for _ in range(rank)]
    if dtype != tf.string:
        return np.frombuffer(_read_text(stream), dtype.as_numpy_dtype).reshape(shape)
    texts = np.empty(shape, object)
    texts.flat = [_read_text(stream) for _ in range(texts.size)]
    return texts


def _read_number(stream: io.BytesIO) -> int:
    return struct.unpack("=q", stream.read(8))[0]


def _read_text(stream: io.BytesIO) -> bytes:
    return stream.read(_read_number(stream))


def assert_same_bits(received: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]):
    assert received.keys() == expected.keys()
    for name, array in received.items():
        assert (array.dtype, array.shape) == (expected[name].dtype, expected[name].shape), name
        assert array.tolist() == expected[name].tolist(), name
