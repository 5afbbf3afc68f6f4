"""Asks a signature, and tells which device has answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .arrays import escaped, flat
from .errors import ReloadError
from .keras_2 import keras_2
from .layout import Tensor

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras

    from .arrays import Nested


def signature_of(
    loaded: Any, name: str, inputs: Mapping[str, Tensor]
) -> Callable[..., dict[str, tf.Tensor]]:
    """A signature of what ``tf.saved_model.load`` gave, as a function of arrays, by name.

    The names are those of the file, which the loaded function may not have: ``self``, for example.
    """
    import tensorflow as tf

    def ask(**arguments: Any) -> dict[str, tf.Tensor]:
        if unknown := arguments.keys() - inputs.keys():
            expected, received = ", ".join(inputs), ", ".join(unknown)
            raise ReloadError(f"{name}: expected the arguments {expected}, received {received}")
        for argument, values in arguments.items():
            _refuse_inexact(argument, values, inputs[argument]["dtype"])
        tensors = {
            inputs[argument].get("argument", argument): tf.constant(
                values, inputs[argument]["dtype"]
            )
            for argument, values in arguments.items()
        }
        # Through `loaded`: a signature alone does not keep its variables alive.
        return loaded.signatures[name](**tensors)

    return ask


def _refuse_inexact(name: str, values: Any, dtype: str) -> None:
    """Refuses what TensorFlow would change in silence: 1.7 to 1, and NaN to any whole number."""
    import numpy as np
    import tensorflow as tf

    wanted = tf.as_dtype(dtype)
    if not (wanted.is_integer or wanted.is_bool):
        return
    given = np.asarray(values)
    try:
        with np.errstate(invalid="ignore"):
            exact = given.dtype.kind in "biufO" and np.array_equal(
                given.astype(wanted.as_numpy_dtype), given
            )
    except (TypeError, ValueError, OverflowError):  # of None, text, NaN among objects
        exact = False
    if not exact:
        kind = "True or False" if wanted.is_bool else "whole numbers"
        raise ReloadError(f"{name}: expected {kind} ({dtype}), received {given.tolist()!s:.80}")


def answer_values(name: str, answers: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """The outputs of a signature as arrays: ``answers/<name>/<output>``."""
    import numpy as np
    import tensorflow as tf

    # Text as objects: TensorFlow gives a plain bytes for a scalar, where NumPy drops a last 0.
    arrays = {
        output: np.asarray(tensor.numpy(), object if tensor.dtype == tf.string else None)
        for output, tensor in answers.items()
    }
    return flat(f"answers/{escaped(name)}", arrays)


def device_of(model: tf_keras.Model, inputs: Nested) -> str:
    """The device that the model's ops run on: ``CPU:0``, ``GPU:1``."""
    import tensorflow as tf

    # All rows: a model may take a fixed number of them.
    given = tensors(inputs)
    # Keras trains with a tuple where it is given a list, and a reloaded graph takes nothing else.
    if isinstance(getattr(model, "_saved_model_inputs_spec", None), tuple) and isinstance(
        given, list
    ):
        given = tuple(given)
    return device_of_tensors(tf.nest.flatten(model(given, training=False)))


def tensors(nested: Nested) -> Any:
    """The tensors that Keras makes of arrays."""
    import tensorflow as tf

    def tensor(array: np.ndarray) -> tf.Tensor:
        is_float = array.dtype.kind == "f"
        return tf.constant(array, keras_2().backend.floatx() if is_float else None)

    return tf.nest.map_structure(lambda array: None if array is None else tensor(array), nested)


def device_of_tensors(tensors: Sequence[tf.Tensor]) -> str:
    """The device of the first tensor of numbers; without any, where TensorFlow puts ops."""
    import tensorflow as tf

    device = next((each.device for each in tensors if each.dtype != tf.string), "")
    spec = tf.DeviceSpec.from_string(device or tf.zeros([1]).device)
    return f"{spec.device_type}:{spec.device_index}"
