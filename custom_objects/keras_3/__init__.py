"""The objects for Keras 3, on TensorFlow, JAX or PyTorch; ``huberflow.keras`` offers them."""

import keras

from ..input_error import InputError

if tuple(map(int, keras.version().split(".")[:2])) < (3, 12):
    raise InputError(
        "huberflow.keras",
        expected="Keras 3.12 or later",
        received=f"Keras {keras.version()}",
        write='pip install "huberflow[keras3]"',
    )
