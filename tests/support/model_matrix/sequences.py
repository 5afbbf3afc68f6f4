"""Models of sequences: recurrent ones and attention."""

import numpy as np
from matrix_objects import Encoder, EncoderBlock, MinimalCell
from tf_keras import layers

from .kinds import (
    SERIES,
    TARGET,
    TOKENS,
    WEIGHTS,
    Case,
    case,
    compiled_case,
    floats,
    input_of,
    kind,
    stack,
)

RECURRENT, ATTENTION = "Sequences", "Attention"


@kind(RECURRENT, "LSTM")
def lstm() -> Case:
    return stack(layers.LSTM(3), rows=SERIES)


@kind(RECURRENT, "GRU, several in a row")
def gru() -> Case:
    return stack(layers.GRU(3, return_sequences=True), layers.GRU(2), rows=SERIES)


@kind(RECURRENT, "SimpleRNN, backwards and unrolled")
def simple_rnn() -> Case:
    return stack(layers.SimpleRNN(3, go_backwards=True, unroll=True), rows=SERIES)


@kind(RECURRENT, "Bidirectional")
def bidirectional() -> Case:
    return stack(layers.Bidirectional(layers.GRU(2), merge_mode="sum"), rows=SERIES)


@kind(RECURRENT, "ConvLSTM1D")
def conv_lstm() -> Case:
    return stack(layers.ConvLSTM1D(2, 2), layers.Flatten(), rows=floats(3, 4, 2))


@kind(RECURRENT, "a cell of your own, in a stack of cells")
def own_cell() -> Case:
    cells = layers.StackedRNNCells([MinimalCell(3), layers.GRUCell(2)])
    return stack(layers.RNN(cells), rows=SERIES)


@kind(RECURRENT, "encoder and decoder that share a state")
def encoder_decoder() -> Case:
    past, future = input_of(SERIES, name="past"), input_of(SERIES, name="future")
    _, *state = layers.LSTM(3, return_state=True)(past)
    decoded = layers.LSTM(3, return_sequences=True)(future, initial_state=state)
    rows = {"past": SERIES, "future": SERIES[::-1].copy()}
    return case({"past": past, "future": future}, layers.Dense(3)(decoded), rows, SERIES)


@kind(RECURRENT, "Embedding with mask_zero")
def masked_embedding() -> Case:
    return stack(layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2), rows=TOKENS)


@kind(RECURRENT, "Masking and TimeDistributed, a weight for each step")
def masking() -> Case:
    rows = np.where(TOKENS[..., np.newaxis] > 0, floats(6, 2), 0).astype(np.float32)
    return stack(
        layers.Masking(),
        layers.TimeDistributed(layers.Dense(3, "relu")),
        rows=rows,
        labels=rows.sum(axis=2, keepdims=True),
        sample_weight=np.outer(WEIGHTS, np.linspace(1, 2, 6)).astype(np.float32),
        sample_weight_mode="temporal",
        weighted_metrics=["mae"],
    )


@kind(ATTENTION, "MultiHeadAttention with LayerNormalization (a transformer's block)")
def transformer() -> Case:
    x = input_of(SERIES)
    attended = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 2)(x, x))
    mixed = layers.LayerNormalization()(attended + layers.Dense(3, "gelu")(attended))
    return case(x, layers.Dense(1)(layers.GlobalMaxPooling1D()(mixed)), SERIES, TARGET)


@kind(ATTENTION, "a transformer's block of your own, with a mask")
def own_transformer() -> Case:
    x = input_of(TOKENS)
    seen = EncoderBlock(4, 2)(layers.Embedding(9, 4, mask_zero=True)(x))
    return case(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(seen)), TOKENS, TARGET)


@kind(ATTENTION, "subclassed, of such blocks, one of them frozen")
def own_encoder() -> Case:
    model = Encoder(9, 4)
    model.blocks[0].trainable = False
    return compiled_case(model, TOKENS, TARGET)


@kind(ATTENTION, "Attention and AdditiveAttention")
def attention() -> Case:
    x = input_of(SERIES)
    both = layers.Attention(use_scale=True)([x, x]), layers.AdditiveAttention()([x, x])
    pooled = layers.GlobalAveragePooling1D()(layers.Concatenate()(both))
    return case(x, layers.Dense(1)(pooled), SERIES, TARGET)


@kind(ATTENTION, "EinsumDense and Permute (a mixer)")
def mixer() -> Case:
    mixing = layers.EinsumDense("abc,cd->abd", (3, 4)), layers.Permute((2, 1)), layers.Flatten()
    return stack(layers.Permute((2, 1)), *mixing, rows=SERIES)
