"""Transformer encoder in Keras 3. 17,761 parameters with learned positions.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Vaswani et al. 2017; pre-norm: Xiong et al. 2020.
"""

import keras
from keras import layers, ops

from twotrack.keras_track.layers import MaskedMean, Positions
from twotrack.shared.chapters.churn_rnn import NUM_FEATURES
from twotrack.shared.chapters.churn_transformer import Config

EPSILON = 1e-5


def build(config: Config) -> keras.Model:
    """Return the network."""
    # === Inputs ===
    months = keras.Input((config.months, NUM_FEATURES), name="months")
    mask = keras.Input((config.months,), dtype="bool", name="mask")

    # === Embedding ===
    x = layers.Dense(config.hidden_size, name="embedding")(months)  # (batch, 12, 32)
    x = Positions(config.positions, name="positions")(x)

    # === Blocks ===
    for number in range(1, config.num_layers + 1):
        x = block(x, mask, config, number)
    if config.norm == "pre":
        x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)

    # === Head ===
    x = MaskedMean(name="mean")(x, mask)  # (batch, 32)
    logits = layers.Dense(1, name="logits")(x)
    return keras.Model([months, mask], logits, name="churn_transformer")


def block(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config, number: int) -> keras.KerasTensor:
    """Self-attention over the real months, then two dense layers for each month; both are added to their input."""
    attention_norm, ffn_norm = (
        layers.LayerNormalization(epsilon=EPSILON, name=f"{part}_norm{number}") for part in ("attention", "ffn")
    )
    if config.norm == "pre":
        x = x + attention(attention_norm(x), mask, config, number)
        return x + feed_forward(ffn_norm(x), config, number)
    x = attention_norm(x + attention(x, mask, config, number))
    return ffn_norm(x + feed_forward(x, config, number))


def attention(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config, number: int) -> keras.KerasTensor:
    """Every month looks at the real months."""
    head_size = config.hidden_size // config.num_heads
    attend = layers.MultiHeadAttention(config.num_heads, head_size, name=f"attention{number}")
    x = attend(x, x, attention_mask=ops.expand_dims(mask, 1))  # (batch, 12, 32)
    return layers.Dropout(config.dropout, name=f"attention_dropout{number}")(x) if config.dropout else x


def feed_forward(x: keras.KerasTensor, config: Config, number: int) -> keras.KerasTensor:
    """The same two dense layers for every month."""
    x = layers.Dense(config.ffn_size, name=f"ffn_in{number}")(x)  # (batch, 12, 64)
    x = layers.ReLU(name=f"ffn_act{number}")(x)
    x = layers.Dense(config.hidden_size, name=f"ffn_out{number}")(x)  # (batch, 12, 32)
    return layers.Dropout(config.dropout, name=f"ffn_dropout{number}")(x) if config.dropout else x
