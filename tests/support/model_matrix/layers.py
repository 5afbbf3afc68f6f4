"""Models that differ in their layers."""

import numpy as np
import tensorflow as tf
import tf_keras
from matrix_objects import Experts, RunningMean, swish_of, unit_sum
from tf_keras import layers

from .kinds import (
    IMAGES,
    NUMBERS,
    SERIES,
    TARGET,
    Case,
    case,
    floats,
    input_of,
    kind,
    stack,
)

NORMALIZATION, LAYERS, IMAGE = "Normalization", "Layers", "Images and signals"


@kind(NORMALIZATION, "BatchNormalization")
def batch_normalization() -> Case:
    return stack(layers.Dense(3), layers.BatchNormalization(momentum=0.8))


@kind(NORMALIZATION, "LayerNormalization")
def layer_normalization() -> Case:
    return stack(layers.LayerNormalization())


@kind(NORMALIZATION, "GroupNormalization")
def group_normalization() -> Case:
    return stack(layers.GroupNormalization(2), layers.Flatten(), rows=IMAGES)


@kind(NORMALIZATION, "SpectralNormalization")
def spectral_normalization() -> Case:
    return stack(layers.SpectralNormalization(layers.Dense(3)))


@kind(NORMALIZATION, "UnitNormalization")
def unit_normalization() -> Case:
    return stack(layers.UnitNormalization())


@kind(LAYERS, "frozen layers")
def frozen_layers() -> Case:
    frozen = layers.Dense(3, trainable=False), layers.BatchNormalization(trainable=False)
    return stack(*frozen, layers.Dense(3, "relu"))


@kind(LAYERS, "kernel constraints and regularizers")
def constraints_and_regularizers() -> Case:
    own = layers.Dense(3, kernel_constraint=unit_sum, kernel_regularizer="l1_l2")
    norm = layers.Dense(3, kernel_constraint=tf_keras.constraints.MaxNorm(0.5))
    return stack(own, norm, layers.ActivityRegularization(l2=0.01))


@kind(LAYERS, "activations of your own, and PReLU")
def activations() -> Case:
    return stack(layers.Dense(3, swish_of), layers.PReLU(), layers.Activation(swish_of))


@kind(LAYERS, "a layer of your own, with a state that training changes")
def layer_with_state() -> Case:
    return stack(RunningMean(0.9), layers.Dense(3, "relu"))


@kind(LAYERS, "a mixture of experts")
def mixture_of_experts() -> Case:
    return stack(Experts(3, 4), layers.Dense(2))


@kind(LAYERS, "residual connections")
def residual() -> Case:
    x = input_of(NUMBERS)
    block = layers.Dense(4)(layers.Dense(4, "relu")(x))
    return case(x, layers.Dense(1)(layers.Add()([x, block])), NUMBERS, TARGET)


@kind(LAYERS, "operators of TensorFlow between layers")
def operators() -> Case:
    x = input_of(NUMBERS)
    y = 2 * layers.Dense(4)(x)[:, :2] + 1
    return case(x, layers.Dense(1)(tf.tanh(y) ** 2), NUMBERS, TARGET)


@kind(LAYERS, "a shared layer")
def shared_layer() -> Case:
    x, shared = input_of(NUMBERS), layers.Dense(4, "tanh")
    return case(x, layers.Dense(1)(shared(shared(x))), NUMBERS, TARGET)


@kind(LAYERS, "a shared encoder (siamese)")
def siamese() -> Case:
    encoder = tf_keras.Sequential([input_of(NUMBERS), layers.Dense(3, "relu")], name="encoder")
    a, b = input_of(NUMBERS, name="a"), input_of(NUMBERS, name="b")
    distance = layers.Dot(1, normalize=True)([encoder(a), encoder(b)])
    return case([a, b], layers.Dense(1)(distance), [NUMBERS, NUMBERS[::-1].copy()], TARGET)


@kind(IMAGE, "Conv1D, causal and dilated")
def conv1d() -> Case:
    conv = layers.Conv1D(3, 2, padding="causal"), layers.Conv1D(2, 2, dilation_rate=2)
    return stack(*conv, layers.GlobalAveragePooling1D(), rows=SERIES)


@kind(IMAGE, "Conv2D and pooling")
def conv2d() -> Case:
    pools = layers.MaxPooling2D(), layers.ZeroPadding2D(), layers.AveragePooling2D()
    return stack(layers.Conv2D(3, 3, activation="relu"), *pools, layers.Flatten(), rows=IMAGES)


@kind(IMAGE, "Conv3D")
def conv3d() -> Case:
    return stack(layers.Conv3D(2, 2), layers.GlobalMaxPooling3D(), rows=floats(3, 3, 3, 1))


@kind(IMAGE, "SeparableConv2D and DepthwiseConv2D")
def separable() -> Case:
    convs = layers.SeparableConv2D(3, 2), layers.DepthwiseConv2D(2, depth_multiplier=2)
    return stack(*convs, layers.GlobalAveragePooling2D(), rows=IMAGES)


@kind(IMAGE, "Conv2DTranspose and UpSampling2D, an image as the label")
def transposed() -> Case:
    up = layers.Conv2DTranspose(2, 2, strides=2), layers.UpSampling2D()
    down = layers.AveragePooling2D(4)
    return stack(*up, down, rows=IMAGES, labels=IMAGES, head=layers.Conv2D(2, 1))


@kind(IMAGE, "LocallyConnected1D")
def locally_connected() -> Case:
    return stack(layers.LocallyConnected1D(2, 2), layers.Flatten(), rows=SERIES)


@kind(IMAGE, "the first blocks of MobileNetV2 of tf_keras.applications")
def mobile_net() -> Case:
    model = tf_keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None)
    pooled = layers.GlobalAveragePooling2D()(model.get_layer("block_2_add").output)
    return case(model.input, layers.Dense(1)(pooled), np.tanh(floats(32, 32, 3)), TARGET)
