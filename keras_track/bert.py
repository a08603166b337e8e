"""The BERT encoder in Keras 3: keras_hub's BertBackbone, computing what the weights were trained for.

token_ids (batch, length) and padding_mask (batch, length) to the states (batch, length, hidden_size) after every
block. MiniLM-L6-H384: 22.6 million parameters, 11.7 million of them for the tokens.
Source: Devlin et al. 2019; MiniLM of Wang et al. 2020.
"""

from typing import Any

import keras
from keras import ops

from twotrack.keras_track.hub import BertBackbone, TransformerEncoder
from twotrack.keras_track.layers import gelu_tanh
from twotrack.shared.weights.pretrained.bert.config import BertConfig

ACTIVATIONS = {"gelu": "gelu", "gelu_new": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh, "relu": "relu"}


def encoder(config: BertConfig, dropout: float) -> keras.Model:
    """Return BertBackbone without its pooler, its outputs the states after every block; `states` calls it."""
    backbone = BertBackbone(
        vocabulary_size=config.vocab_size,
        num_layers=config.num_hidden_layers,
        num_heads=config.num_attention_heads,
        hidden_dim=config.hidden_size,
        intermediate_dim=config.intermediate_size,
        dropout=dropout,
        max_sequence_length=config.max_position_embeddings,
        num_segments=config.type_vocab_size,
    )
    blocks = [layer.output for layer in backbone.layers if isinstance(layer, TransformerEncoder)]
    whole = keras.Model(backbone.input, blocks, name="encoder")
    return keras.models.clone_model(whole, clone_function=lambda layer: _as_trained(layer, config))


def _as_trained(layer: keras.Layer, config: BertConfig) -> keras.Layer:
    """Return a new layer with the config's activation and epsilon, where BertBackbone has tanh-GELU and 1e-12."""
    settings = layer.get_config()
    if isinstance(layer, TransformerEncoder):
        activation = keras.activations.serialize(keras.activations.get(ACTIVATIONS[config.hidden_act]))
        settings |= {"activation": activation, "layer_norm_epsilon": config.layer_norm_eps}
    elif isinstance(layer, keras.layers.LayerNormalization):
        settings |= {"epsilon": config.layer_norm_eps}
    return type(layer).from_config(settings)


def states(model: keras.Model, token_ids: Any, padding_mask: Any) -> list[Any]:
    """Return the states after every block; the mask is True at tokens. All tokens are of the first segment."""
    segments = ops.zeros_like(token_ids)
    mask = ops.cast(padding_mask, "int32")
    return keras.tree.flatten(model({"token_ids": token_ids, "segment_ids": segments, "padding_mask": mask}))
