"""A network with one hidden layer in Keras 3. 17 parameters: 4 * hidden_size + 1.

Input (batch, features 2), output logits (batch, 1).
Source: Rumelhart, Hinton and Williams 1986; shared/by_hand/two_layer.py has its backward pass.
"""

import keras
from keras import layers

from twotrack.keras_track.layers import activation
from twotrack.shared.chapters.backprop import Config
from twotrack.shared.chapters.neuron import FEATURES


def build(config: Config) -> keras.Model:
    """Return the network."""
    return keras.Sequential(
        [
            keras.Input((len(FEATURES),)),
            layers.Dense(config.hidden_size, name="hidden"),
            activation(config.activation, name="activation"),  # (batch, 4)
            layers.Dense(1, name="logits"),
        ],
        name="backprop",
    )
