"""Long short-term memory in Keras 3. 51,009 parameters: 4 * 64 (5 + 64 + 1) + 4 * 64 (64 + 64 + 1) + 65.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; two layers of 64 in the
original chapter.
"""

import keras
from keras import layers

from twotrack.keras_track.models.churn_rnn import recurrent
from twotrack.shared.chapters.churn_rnn import Config


def build(config: Config) -> keras.Model:
    """Return the network."""
    return recurrent("churn_lstm", layers.LSTM, "lstm", config)
