"""Multilayer perceptron in Keras 3. 6,849 parameters; with h = hidden_size, L = num_layers:
41 h + (L - 1)(h + 1) h + h + 1. PReLU adds L h; SwiGLU doubles the outputs of every hidden layer.

Input (batch, features 40), output logits (batch, 1).
Source: Rumelhart, Hinton and Williams 1986; ReLU of Nair and Hinton 2010; dropout of Srivastava et al. 2014.
"""

import keras
from keras import layers

from twotrack.keras_track.layers import activation
from twotrack.shared.chapters.churn_mlp import NUM_FEATURES, Config
from twotrack.shared.spec.activations import Activation, units_before


def build(config: Config) -> keras.Model:
    """Return the network."""
    return mlp("churn_mlp", config.hidden_size, config.num_layers, config.activation, config.dropout)


def mlp(name: str, hidden_size: int, num_layers: int, kind: Activation, dropout: float = 0.0) -> keras.Model:
    """Hidden layers dense1, act1, dropout1, dense2, ... and logits; no dropout layers for a rate of 0."""
    inputs = keras.Input((NUM_FEATURES,))
    x = inputs
    for number in range(1, num_layers + 1):
        x = layers.Dense(units_before(kind, hidden_size), name=f"dense{number}")(x)
        x = activation(kind, name=f"act{number}")(x)  # (batch, 64)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    logits = layers.Dense(1, name="logits")(x)
    return keras.Model(inputs, logits, name=name)
