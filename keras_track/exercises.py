"""Models in Keras 3 that exercises ask to be written in PyTorch, in the order of the chapters.

They are small, and each has something that PyTorch does not do by default. `twotrack exercise` judges by them.
"""

import keras
from keras import layers


def neuron() -> keras.Model:
    """One neuron. Input (batch, features 2), output logits (batch, 1)."""
    return keras.Sequential([keras.Input((2,)), layers.Dense(1, name="neuron")])


def shares() -> keras.Model:
    """A layer and softmax, so that outputs are probabilities. Input (batch, 4), output (batch, classes 3)."""
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="logits"), layers.Softmax(name="softmax")])


def hidden_tanh() -> keras.Model:
    """One hidden layer with tanh. Input (batch, features 2), output logits (batch, 1)."""
    hidden = layers.Dense(4, activation="tanh", name="hidden")
    return keras.Sequential([keras.Input((2,)), hidden, layers.Dense(1, name="logits")])


def gelu_by_tanh() -> keras.Model:
    """A hidden layer with GELU by tanh, then dropout. Input (batch, 40), output logits (batch, 1)."""
    x = inputs = keras.Input((40,))
    x = layers.Dense(24, name="hidden")(x)
    x = layers.Dropout(0.1, name="dropout")(keras.activations.gelu(x, approximate=True))
    return keras.Model(inputs, layers.Dense(1, name="logits")(x))


def leaky_relu() -> keras.Model:
    """A hidden layer with Keras' LeakyReLU as it comes. Input (batch, 40), output logits (batch, 1)."""
    x = inputs = keras.Input((40,))
    x = layers.LeakyReLU()(layers.Dense(16, name="hidden")(x))
    return keras.Model(inputs, layers.Dense(1, name="logits")(x))


def hidden_relu() -> keras.Model:
    """One hidden layer with ReLU. Input (batch, 40), output logits (batch, 1)."""
    hidden = layers.Dense(16, activation="relu", name="hidden")
    return keras.Sequential([keras.Input((40,)), hidden, layers.Dense(1, name="logits")])


def momentum() -> keras.optimizers.Optimizer:
    """Momentum as Keras has it: v = 0.9 v - 0.1 g, w = w + v."""
    return keras.optimizers.SGD(learning_rate=0.1, momentum=0.9)


def two_defaults() -> keras.Model:
    """Layer normalisation and LeakyReLU as they come. Input (batch, 40), output logits (batch, 1)."""
    x = inputs = keras.Input((40,))
    x = layers.LayerNormalization(name="norm")(layers.Dense(16, name="hidden")(x))
    return keras.Model(inputs, layers.Dense(1, name="logits")(layers.LeakyReLU()(x)))


def dilated_convolution() -> keras.Model:
    """A convolution on every other pixel, pooling of an odd image. Input (batch, 9, 9, 2), output logits (batch, 3)."""
    x = inputs = keras.Input((9, 9, 2))
    x = layers.Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu", name="conv")(x)  # (batch, 9, 9, 4)
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2, padding="same")(x))  # of (batch, 5, 5, 4)
    return keras.Model(inputs, layers.Dense(3, name="logits")(x))


def strided_convolution() -> keras.Model:
    """A convolution that halves an even image. Input (batch, 28, 28, 1), output logits (batch, classes 10)."""
    x = inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="conv")(x)  # (batch, 14, 14, 8)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x))


def both_ways() -> keras.Model:
    """Two LSTMs, one of which reads backwards. Input (batch, 12, features 5), output logits (batch, 1)."""
    lstm = layers.Bidirectional(layers.LSTM(8, name="lstm"), name="both")
    return keras.Sequential([keras.Input((12, 5)), lstm, layers.Dense(1, name="logits")])


def recurrent_relu() -> keras.Model:
    """A recurrent layer with ReLU, and its last state. Input (batch, 12, features 5), output logits (batch, 1)."""
    recurrent = layers.SimpleRNN(16, activation="relu", name="rnn")
    return keras.Sequential([keras.Input((12, 5)), recurrent, layers.Dense(1, name="logits")])


def lstm_of_all_months() -> keras.Model:
    """An LSTM whose states are averaged over the months. Input (batch, 12, features 5), output logits (batch, 1)."""
    x = inputs = keras.Input((12, 5))
    x = layers.LSTM(16, return_sequences=True, name="lstm")(x)
    return keras.Model(inputs, layers.Dense(1, name="logits")(layers.GlobalAveragePooling1D()(x)))


def attention_behind_norm() -> keras.Model:
    """Normalisation in front of attention, and a sum. Input (batch, 12, 16), output logits (batch, 1)."""
    x = inputs = keras.Input((12, 16))
    normal = layers.LayerNormalization(name="norm")(x)
    x = x + layers.MultiHeadAttention(2, 8, name="attention")(normal, normal)
    return keras.Model(inputs, layers.Dense(1, name="logits")(layers.GlobalAveragePooling1D()(x)))


def mean_of_tokens() -> keras.Model:
    """Embeddings of the real tokens, averaged. Inputs tokens and mask (batch, 16), output logits (batch, 1)."""
    tokens = keras.Input((16,), dtype="int32", name="tokens")
    mask = keras.Input((16,), dtype="bool", name="mask")
    states = layers.Embedding(100, 8, name="base")(tokens)
    features = layers.GlobalAveragePooling1D()(states, mask=mask)
    return keras.Model([tokens, mask], layers.Dense(1, name="head")(features))


def frozen_base() -> keras.Model:
    """A frozen convolution and a head of two layers. Input (batch, 16, 16, 3), output logits (batch, classes 5)."""
    x = inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", trainable=False, name="base")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def scaled_inside() -> keras.Model:
    """Pixels from 0 to 255, scaled by the model itself. Input (batch, 28, 28, 1), output logits (batch, classes 10)."""
    scaled = layers.Rescaling(1 / 127.5, offset=-1)
    return keras.Sequential([keras.Input((28, 28, 1)), scaled, layers.Flatten(), layers.Dense(10, name="logits")])
