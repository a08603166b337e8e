"""Recurrent network in Keras 3. 12,801 parameters: 64 (5 + 64 + 1) + 64 (64 + 64 + 1) + 65.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Elman 1990, with two layers.
"""

from collections.abc import Callable

import keras
from keras import layers

from twotrack.shared.chapters.churn_rnn import NUM_FEATURES, Config


def build(config: Config) -> keras.Model:
    """Return the network."""
    return recurrent("churn_rnn", layers.SimpleRNN, "rnn", config)


def recurrent(name: str, layer: Callable[..., layers.Layer], prefix: str, config: Config) -> keras.Model:
    """Recurrent layers over the real months, logits from the state after the last of them.

    A masked month leaves the state as it is.
    """
    months = keras.Input((config.months, NUM_FEATURES), name="months")
    mask = keras.Input((config.months,), dtype="bool", name="mask")
    x = months
    for number in range(1, config.num_layers + 1):
        is_last = number == config.num_layers
        # (batch, 12, 64), at the last layer (batch, 64)
        x = layer(config.hidden_size, return_sequences=not is_last, name=f"{prefix}{number}")(x, mask=mask)
        if config.dropout:
            x = layers.Dropout(config.dropout, name=f"dropout{number}")(x)
    logits = layers.Dense(1, name="logits")(x)
    return keras.Model([months, mask], logits, name=name)
