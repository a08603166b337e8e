"""One neuron, logistic regression, in Keras 3. 3 parameters.

Input (batch, features 2), output logits (batch, 1); the sigmoid is part of the loss.
Source: Rosenblatt 1958 for the neuron, Cox 1958 for its training by the log-likelihood.
"""

import keras
from keras import layers

from twotrack.shared.chapters.neuron import FEATURES, Config


def build(config: Config) -> keras.Model:
    """Return the neuron."""
    return keras.Sequential(
        [
            keras.Input((len(FEATURES),)),
            layers.Dense(1, name="neuron"),
        ],
        name="neuron",
    )
