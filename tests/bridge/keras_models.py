"""The Keras side of each case."""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers, ops

from tests.bridge.cases import CASES

EPSILON = 1e-4


class Blocks(layers.Layer):
    """A layer made of layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = [layers.Dense(4, name="lower"), layers.Dense(4, name="upper")]

    def call(self, x):
        for layer in self.inside:
            x = layer(x)
        return x


class Subclassed(keras.Model):
    """Layers in attributes whose names are not the layers'."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.first = Blocks(name="blocks")
        self.last = layers.Dense(3, name="head")

    def call(self, x):
        return self.last(self.first(x))


class Scale(layers.Layer):
    """A layer with weights of its own."""

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=())
        self.matrix = self.add_weight(name="matrix", shape=(input_shape[-1], 3))
        self.offset = self.add_weight(name="offset", shape=(3,), trainable=False)

    def call(self, x):
        return self.factor * ops.matmul(x, self.matrix) + 2.0 * self.offset


def encoder_block(x):
    x = layers.LayerNormalization(epsilon=1e-5, name="attention_norm")(x + self_attention(x))
    inner = layers.Dense(6, activation="relu", name="inner")
    hidden = keras.Sequential([keras.Input((11, 4)), inner, layers.Dense(4, name="outer")], name="feedforward")(x)
    return layers.LayerNormalization(epsilon=1e-5, name="feedforward_norm")(x + hidden)


def nested(x):
    first = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, name="dense"), layers.LayerNormalization(epsilon=EPSILON, name="norm")],
        name="first",
    )
    entrance = keras.Input((5,))
    inner = keras.Model(entrance, first(entrance), name="inner")
    return layers.Dense(3, name="head")(inner(x))


def stacked(x):
    return layers.LSTM(3, return_sequences=True, name="upper")(layers.LSTM(3, return_sequences=True, name="lower")(x))


def stacked_bidirectional(x):
    for name in ("lower", "upper"):
        x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name=name)(x)
    return x


def flatten_then_dense(x):
    return layers.Dense(3, name="dense")(layers.Flatten()(x))


def flatten_then_norm(x):
    return layers.Dense(3, name="dense")(layers.BatchNormalization(epsilon=EPSILON, name="norm")(layers.Flatten()(x)))


def cross_attention(query, key, value):
    return layers.MultiHeadAttention(2, 2, output_shape=4, name="attention")(query, value, key)


def self_attention(x, use_bias=True):
    return layers.MultiHeadAttention(2, 2, use_bias=use_bias, name="attention")(x, x)


def tied(tokens):
    embedding = layers.ReversibleEmbedding(8, 3, tie_weights=True, name="embedding")
    return embedding(embedding(tokens), reverse=True)


def _convolution(kind, *arguments, **settings):
    return partial(kind, *arguments, name="conv", **settings)


def _normalisation(kind, **settings):
    return partial(kind, epsilon=EPSILON, name="norm", **settings)


def _recurrent(kind, name, **settings):
    return partial(kind, 3, return_sequences=True, name=name, **settings)


def _bidirectional(kind, name):
    return lambda: layers.Bidirectional(kind(3, return_sequences=True), name=name)


LAYERS: dict[str, Callable[[], Callable]] = {
    "dense": partial(layers.Dense, 3, name="dense"),
    "dense_no_bias": partial(layers.Dense, 3, use_bias=False, name="dense"),
    "dense_on_sequence": partial(layers.Dense, 3, name="dense"),
    "conv1d": _convolution(layers.Conv1D, 6, 3),
    "conv1d_strided": _convolution(layers.Conv1D, 6, 3, strides=2),
    "conv1d_dilated": _convolution(layers.Conv1D, 6, 3, dilation_rate=2),
    "conv1d_grouped": _convolution(layers.Conv1D, 6, 3, groups=2),
    "conv2d": _convolution(layers.Conv2D, 6, (2, 3)),
    "conv2d_strided": _convolution(layers.Conv2D, 6, (2, 3), strides=(2, 3)),
    "conv2d_dilated": _convolution(layers.Conv2D, 6, (2, 3), dilation_rate=(3, 2)),
    "conv2d_grouped": _convolution(layers.Conv2D, 6, (2, 3), groups=2),
    "conv2d_no_bias": _convolution(layers.Conv2D, 6, (2, 3), use_bias=False),
    "conv3d": _convolution(layers.Conv3D, 3, (2, 3, 4)),
    "depthwise1d": _convolution(layers.DepthwiseConv1D, 2, depth_multiplier=3),
    "depthwise2d": _convolution(layers.DepthwiseConv2D, (2, 3), depth_multiplier=3),
    "separable1d": _convolution(layers.SeparableConv1D, 6, 3, depth_multiplier=2),
    "separable2d": _convolution(layers.SeparableConv2D, 6, (2, 3), depth_multiplier=2),
    "conv1d_transpose": _convolution(layers.Conv1DTranspose, 6, 3, strides=2),
    "conv2d_transpose": _convolution(layers.Conv2DTranspose, 6, (2, 3), strides=2),
    "conv3d_transpose": _convolution(layers.Conv3DTranspose, 3, (2, 3, 4), strides=2),
    "batch_norm_features": _normalisation(layers.BatchNormalization),
    "batch_norm_1d": _normalisation(layers.BatchNormalization),
    "batch_norm_2d": _normalisation(layers.BatchNormalization),
    "layer_norm": _normalisation(layers.LayerNormalization),
    "group_norm": _normalisation(layers.GroupNormalization, groups=2),
    "rms_norm": _normalisation(layers.RMSNormalization),
    "embedding": partial(layers.Embedding, 8, 3, name="embedding"),
    "prelu_shared": partial(layers.PReLU, shared_axes=(1,), name="prelu"),
    "prelu_shared_image": partial(layers.PReLU, shared_axes=(1, 2, 3), name="prelu"),
    "prelu_per_channel": partial(layers.PReLU, shared_axes=(1, 2), name="prelu"),
    "prelu_per_channel_1d": partial(layers.PReLU, shared_axes=(1,), name="prelu"),
    "simple_rnn": _recurrent(layers.SimpleRNN, "rnn"),
    "lstm": _recurrent(layers.LSTM, "lstm"),
    "lstm_no_bias": _recurrent(layers.LSTM, "lstm", use_bias=False),
    "gru": _recurrent(layers.GRU, "gru"),
    "gru_no_bias": _recurrent(layers.GRU, "gru", use_bias=False),
    "lstm_stacked": lambda: stacked,
    "gru_stacked_cells": lambda: layers.RNN([layers.GRUCell(3), layers.GRUCell(3)], return_sequences=True, name="gru"),
    "lstm_cell": lambda: layers.RNN(layers.LSTMCell(3), return_sequences=True, name="lstm"),
    "simple_rnn_bidirectional": _bidirectional(layers.SimpleRNN, "rnn"),
    "lstm_bidirectional": _bidirectional(layers.LSTM, "lstm"),
    "gru_bidirectional": _bidirectional(layers.GRU, "gru"),
    "lstm_stacked_bidirectional": lambda: stacked_bidirectional,
    "attention": lambda: self_attention,
    "attention_no_bias": lambda: partial(self_attention, use_bias=False),
    "cross_attention": lambda: cross_attention,
    "flatten_2d": lambda: flatten_then_dense,
    "flatten_1d": lambda: flatten_then_dense,
    "flatten_then_norm": lambda: flatten_then_norm,
    "encoder_block": lambda: encoder_block,
    "nested": lambda: nested,
    "subclassed": Subclassed,
    "tied": lambda: tied,
    "own_layer": partial(Scale, name="scale"),
    "time_distributed": lambda: layers.TimeDistributed(layers.Dense(3), name="head"),
}


def build(name: str) -> keras.Model:
    """Return the case's model, built."""
    case, applied = CASES[name], LAYERS[name]()
    inputs = [keras.Input(shape, dtype="int64" if case.vocabulary else None) for shape in case.inputs]
    outputs = applied(*inputs)
    if isinstance(applied, keras.Model):
        return applied
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="model")
