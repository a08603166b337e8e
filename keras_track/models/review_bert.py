"""BERT with one logit in Keras 3. With MiniLM 22,566,913 parameters, 11,720,448 of them for the tokens.

Inputs token_ids (batch, 96) and padding_mask (batch, 96), output logits (batch, 1).
Source: Devlin et al. 2019, section 5.3 for the last four blocks; MiniLM: Wang et al. 2020; mean over the tokens:
Reimers and Gurevych 2019.
"""

import keras
from keras import layers

from twotrack.keras_track import bert
from twotrack.keras_track.layers import MaskedMean, head
from twotrack.shared.chapters.review_bert import LAST_BLOCKS, Config
from twotrack.shared.weights.pretrained.bert.config import BertConfig
from twotrack.shared.weights.pretrained.bert.folder import open_folder


def build(config: Config) -> keras.Model:
    """Return the network: head(base(inputs))."""
    encoder_config = open_folder(config.weights).config
    inputs = text_inputs(config.length)
    features = base(encoder_config, config)(inputs)  # (batch, 1536)
    logits = head(features.shape[-1], 1, config.dropout)(features)
    return keras.Model(inputs, logits, name="review_bert")


def text_inputs(length: int) -> list[keras.KerasTensor]:
    """Return token_ids (batch, length), and padding_mask (batch, length), true where there is a token."""
    return [
        keras.Input((length,), dtype="int32", name="token_ids"),
        keras.Input((length,), dtype="bool", name="padding_mask"),
    ]


def base(encoder_config: BertConfig, config: Config) -> keras.Model:
    """The pretrained encoder; the states after its last four blocks, side by side, and their mean over the tokens."""
    token_ids, padding_mask = inputs = text_inputs(config.length)
    states = bert.states(bert.encoder(encoder_config, config.dropout), token_ids, padding_mask)
    last = layers.Concatenate(name="last_blocks")(states[-LAST_BLOCKS:])  # (batch, 96, 1536)
    return keras.Model(inputs, MaskedMean(name="mean")(last, padding_mask), name="base")
