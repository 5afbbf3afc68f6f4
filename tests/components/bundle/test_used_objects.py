"""The custom objects that a model uses, told apart and found where others would lose them."""

import sys
import types

import pytest
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import bundle_source
from huberflow.custom_objects.input_error import InputError

ONE = """
import functools
import tensorflow as tf

def loss(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)

def relu(values):
    return 2.0 * values

@tf.function
def traced(y_true, y_pred):
    return loss(y_true, y_pred)

def tripled(function):
    @functools.wraps(function)
    def inner(*arguments):
        return 3.0 * function(*arguments)
    return inner

@tripled
def decorated(y_true, y_pred):
    return loss(y_true, y_pred)
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules of a user's with the same names in them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mine_one", "mine_two"):
        (tmp_path / f"{name}.py").write_text(ONE)
    import mine_one
    import mine_two

    yield types.SimpleNamespace(one=mine_one, two=mine_two)
    del sys.modules["mine_one"], sys.modules["mine_two"]


def model(*activations, loss="mse"):
    inputs = tf_keras.Input((2,))
    outputs = [tf_keras.layers.Dense(1, each)(inputs) for each in activations or (None, None)]
    model = tf_keras.Model(inputs, outputs)
    model.compile("sgd", loss)
    return model


def test_two_losses_of_one_name_are_refused(modules):
    with pytest.raises(InputError, match="loss: expected one class or function of this name"):
        bundle_source.used_objects(model(loss=[modules.one.loss, modules.two.loss]))


def test_two_activations_of_one_name_are_refused(modules):
    for other in (modules.two.relu, "relu"):
        with pytest.raises(InputError, match="relu: expected one class or function of this name"):
            bundle_source.used_objects(model(modules.one.relu, other))


def test_one_of_a_registered_name_is_refused(modules, monkeypatch):
    monkeypatch.setitem(tf_keras.utils.get_custom_objects(), "loss", modules.two.loss)
    (found,) = bundle_source.used_objects(model(loss=modules.two.loss))
    assert found["module"] == "mine_two"
    with pytest.raises(InputError, match="loss: expected one class or function of this name"):
        bundle_source.used_objects(model(loss=modules.one.loss))


@pytest.mark.parametrize("name", ["loss", "relu", "decorated"])
def test_a_function_is_the_one_of_its_module(modules, name):
    target = getattr(modules.one, name)
    given = model(target) if name == "relu" else model(loss=target)
    (found,) = bundle_source.used_objects(given)
    assert (found["name"], found["module"], found["class"]) == (name, "mine_one", name)


def test_a_traced_function_is_refused(modules):
    with pytest.raises(InputError, match=r"traced: .*; write: def traced, without @tf.function"):
        bundle_source.used_objects(model(loss=modules.one.traced))


@pytest.mark.parametrize("function", [lambda values: values, tf.identity], ids=["own", "tf"])
def test_a_lambda_layer_is_refused(function):
    inner = tf_keras.Sequential([tf_keras.Input((2,)), tf_keras.layers.Lambda(function, name="l")])
    with pytest.raises(InputError, match="l: expected layers whose code is in a module"):
        bundle_source.used_objects(tf_keras.Sequential([inner, tf_keras.layers.Dense(1)]))
