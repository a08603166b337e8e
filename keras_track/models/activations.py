"""A perceptron with ten hidden layers in Keras 3. 10,849 parameters; churn_mlp has the formula.

Input (batch, features 40), output logits (batch, 1).
Source: as churn_mlp; gradients that vanish with depth: Hochreiter 1991, Glorot and Bengio 2010.
"""

import keras

from twotrack.keras_track.models.churn_mlp import mlp
from twotrack.shared.chapters.activations import Config


def build(config: Config) -> keras.Model:
    """Return the network, without dropout."""
    return mlp("activations", config.hidden_size, config.num_layers, config.activation)
