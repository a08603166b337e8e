"""BERT encoders as pairs for the ladder: small ones with random weights under a classifier, and any one alone."""

from typing import Any

from twotrack import AdamW, Input, Pair
from twotrack.shared.weights.pretrained import bert
from twotrack.shared.weights.pretrained.bert.config import BertConfig

CONFIG = BertConfig(
    model_type="bert",
    vocab_size=50,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=40,
    max_position_embeddings=20,
)


def inputs(config: BertConfig, length: int) -> dict[str, Input]:
    return {"token_ids": Input((length,), "tokens", config.vocab_size), "padding_mask": Input((length,), "mask")}


def classifier_pair(dropout: float = 0.0, length: int = 12, **changes: Any) -> Pair:
    """Return encoder, mean over the real tokens and one logit."""
    config = CONFIG.model_copy(update=changes)

    def build_keras() -> Any:
        import keras
        from keras import ops

        from twotrack.keras_track import bert

        token_ids = keras.Input((length,), dtype="int32", name="token_ids")
        padding_mask = keras.Input((length,), dtype="bool", name="padding_mask")
        states = bert.states(bert.encoder(config, dropout), token_ids, padding_mask)[-1]
        weight = ops.cast(padding_mask, states.dtype)[..., None]
        mean = ops.sum(states * weight, axis=1) / ops.sum(weight, axis=1)
        return keras.Model([token_ids, padding_mask], keras.layers.Dense(1, name="logits")(mean))

    def build_torch() -> Any:
        from torch import nn

        from twotrack.torch_track import bert

        class Classifier(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.logits = bert.Encoder(config, dropout), nn.Linear(config.hidden_size, 1)

            def forward(self, token_ids, padding_mask):
                states = self.encoder(token_ids, padding_mask)[-1]
                weight = padding_mask[..., None].to(states.dtype)
                return self.logits((states * weight).sum(1) / weight.sum(1))

        return Classifier()

    optimizer = AdamW(1e-3, weight_decay=0.01)
    return Pair(build_keras, build_torch, inputs(config, length), "binary_cross_entropy", optimizer)


def encoder_pair(config: BertConfig) -> Pair:
    """Return the encoder alone, for inputs of any length."""

    def build_keras() -> Any:
        import keras

        from twotrack.keras_track import bert

        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        padding_mask = keras.Input((None,), dtype="bool", name="padding_mask")
        states = bert.states(bert.encoder(config, dropout=0.1), token_ids, padding_mask)[-1]
        return keras.Model([token_ids, padding_mask], states)

    def build_torch() -> Any:
        from torch import nn

        from twotrack.torch_track import bert

        class Alone(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = bert.Encoder(config, dropout=0.1)

            def forward(self, token_ids, padding_mask):
                return self.encoder(token_ids, padding_mask)[-1]

        return Alone()

    return Pair(build_keras, build_torch, inputs(config, bert.LENGTH))


EXACT = classifier_pair()
APPROXIMATE = classifier_pair(dropout=0.1, hidden_act="gelu_new", layer_norm_eps=1e-5)
