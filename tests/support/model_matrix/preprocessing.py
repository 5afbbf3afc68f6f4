"""Models that take columns as they are, with the layers that prepare them."""

import numpy as np
import tf_keras
from tf_keras import layers

from .kinds import (
    IMAGES,
    NUMBERS,
    ROWS,
    TARGET,
    TOKENS,
    WORDS,
    Case,
    case,
    input_of,
    kind,
    stack,
)

COLUMNS = "Columns as they are"
TEXTS = np.array([["a red car"], ["a Blue, blue car"], ["no car"], [""]] * (ROWS // 4), object)
WHOLE = TOKENS[:, :1]


@kind(COLUMNS, "Normalization, adapted")
def normalization() -> Case:
    layer = layers.Normalization()
    layer.adapt(3 * NUMBERS + 1)
    return stack(layer)


@kind(COLUMNS, "Discretization, adapted, and with bin_boundaries")
def discretization() -> Case:
    adapted = layers.Discretization(num_bins=3, output_mode="one_hot")
    adapted.adapt(NUMBERS[:, :1])
    given = layers.Discretization(bin_boundaries=[-1.0, 1.0], output_mode="multi_hot")
    x = input_of(NUMBERS)
    joined = layers.Concatenate()([adapted(x[:, :1]), given(x)])
    return case(x, layers.Dense(1)(joined), NUMBERS, TARGET)


@kind(COLUMNS, "StringLookup, adapted")
def string_lookup() -> Case:
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt(WORDS)
    return stack(layer, rows=WORDS)


@kind(COLUMNS, "StringLookup with a vocabulary, and Embedding")
def string_lookup_of_a_vocabulary() -> Case:
    layer = layers.StringLookup(vocabulary=["red", "green"], num_oov_indices=2)
    return stack(layer, layers.Embedding(4, 3), layers.Flatten(), rows=WORDS)


@kind(COLUMNS, "IntegerLookup, adapted")
def integer_lookup() -> Case:
    layer = layers.IntegerLookup(output_mode="multi_hot")
    layer.adapt(TOKENS)
    return stack(layer, rows=TOKENS)


@kind(COLUMNS, "TextVectorization, adapted")
def text_vectorization() -> Case:
    layer = layers.TextVectorization(max_tokens=9, output_sequence_length=4, ngrams=2)
    layer.adapt(TEXTS)
    return stack(layer, layers.Embedding(9, 2), layers.Flatten(), rows=TEXTS)


@kind(COLUMNS, "Hashing")
def hashing() -> Case:
    return stack(layers.Hashing(5, output_mode="one_hot", salt=3), rows=WORDS)


@kind(COLUMNS, "HashedCrossing of text and whole numbers")
def hashed_crossing() -> Case:
    word, number = input_of(WORDS, name="word"), input_of(WHOLE, name="number")
    crossed = layers.HashedCrossing(7, output_mode="one_hot")([word, number])
    rows = {"word": WORDS, "number": WHOLE}
    return case({"word": word, "number": number}, layers.Dense(1)(crossed), rows, TARGET)


@kind(COLUMNS, "CategoryEncoding, counts with weights")
def category_encoding() -> Case:
    number, weight = input_of(TOKENS, name="number"), tf_keras.Input((6,), name="weight")
    encode = layers.CategoryEncoding(9, output_mode="count")
    rows = [TOKENS, np.tile(np.float32([0.5, 1.0]), (ROWS, 3))]
    outputs = layers.Dense(1)(encode(number, count_weights=weight))
    return case([number, weight], outputs, rows, TARGET)


@kind(COLUMNS, "True and False, with numbers and text")
def booleans() -> Case:
    rows = {"is_new": TARGET > 0, "color": WORDS, "numbers": NUMBERS, "count": WHOLE}
    inputs = {name: input_of(each, name=name) for name, each in rows.items()}
    lookup = layers.StringLookup(vocabulary=["red"], output_mode="one_hot")
    columns = [
        layers.Rescaling(1.0)(inputs["is_new"]),
        lookup(inputs["color"]),
        inputs["numbers"],
        layers.Rescaling(0.1)(inputs["count"]),
    ]
    return case(inputs, layers.Dense(1)(layers.Concatenate()(columns)), rows, TARGET)


@kind(COLUMNS, "Rescaling, Resizing and CenterCrop of images of bytes")
def image_bytes() -> Case:
    rows = (np.abs(IMAGES) * 60).clip(0, 255).astype(np.uint8)
    prepared = layers.Resizing(4, 4), layers.CenterCrop(2, 2), layers.Rescaling(1 / 255)
    return stack(*prepared, layers.Flatten(), rows=rows)
