"""A perceptron with two hidden layers in Keras 3. 2,401 parameters; churn_mlp has the formula.

Input (batch, features 40), output logits (batch, 1).
Source: as churn_mlp.
"""

import keras

from twotrack.keras_track.models.churn_mlp import mlp
from twotrack.shared.chapters.optimizers import Config


def build(config: Config) -> keras.Model:
    """Return the network, with ReLU and without dropout."""
    return mlp("optimizers", config.hidden_size, config.num_layers, "relu")
