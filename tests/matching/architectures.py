"""Published architectures, small: those of keras-hub or keras.applications against those of transformers."""

from collections.abc import Callable
from typing import Any

from twotrack import Input, Pair

VOCABULARY, SIZE, HEADS, LEVELS, INNER, STEPS = 97, 32, 4, 2, 64, 12
TOKENS = {
    "token_ids": Input((STEPS,), kind="tokens", size=VOCABULARY),
    "padding_mask": Input((STEPS,), kind="mask"),
}
SEGMENTS = {
    "token_ids": TOKENS["token_ids"],
    "segment_ids": Input((STEPS,), kind="tokens", size=2),
    "padding_mask": TOKENS["padding_mask"],
}
IMAGE = (32, 32, 3)
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": SIZE,
    "intermediate_size": INNER,
    "num_hidden_layers": LEVELS,
    "num_attention_heads": HEADS,
    "pad_token_id": None,
}
VISION = {
    "hidden_size": SIZE,
    "num_hidden_layers": LEVELS,
    "num_attention_heads": HEADS,
    "image_size": 32,
    "patch_size": 8,
}
HUB = {"vocabulary_size": VOCABULARY, "num_layers": LEVELS, "hidden_dim": SIZE, "intermediate_dim": INNER}


def hub(name: str, outputs: tuple[str, ...] = (), **settings: Any) -> Callable[[], Any]:
    """Return a build function of keras-hub's; `outputs` are those taken of several."""

    def build() -> Any:
        import keras
        import keras_hub

        model = getattr(keras_hub.models, name)(**settings)
        given = [model.output[output] for output in outputs]
        return keras.Model(model.input, given if len(given) > 1 else given[0]) if outputs else model

    return build


def transformers(
    name: str, forward: Callable[..., Any], model: str = "Model", config: str = "Config", **settings: Any
) -> Callable[[], Any]:
    """Return a build function of a module that calls a model of transformers'."""

    def build() -> Any:
        import transformers as library
        from torch import nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                own = getattr(library, name + config)(**({"attn_implementation": "eager"} | settings))
                self.model = getattr(library, name + model)(own)

            def forward(self, *given: Any) -> Any:
                return forward(self.model, *given)

        return Net()

    return build


def _tokens(model: Any, token_ids: Any, padding_mask: Any) -> Any:
    return model(input_ids=token_ids, attention_mask=padding_mask).last_hidden_state


def _segments(model: Any, token_ids: Any, segment_ids: Any, padding_mask: Any) -> Any:
    out = model(input_ids=token_ids, token_type_ids=segment_ids, attention_mask=padding_mask)
    return [out.last_hidden_state, out.pooler_output]


def _pixels(model: Any, x: Any) -> Any:
    return model(x).last_hidden_state


def _both(model: Any, one: Any, one_mask: Any, other: Any, other_mask: Any) -> Any:
    out = model(input_ids=one, attention_mask=one_mask, decoder_input_ids=other, decoder_attention_mask=other_mask)
    return [out.encoder_last_hidden_state, out.last_hidden_state]


def _speech(model: Any, sound: Any, tokens: Any, mask: Any) -> Any:
    out = model(input_features=sound.transpose(1, 2), decoder_input_ids=tokens, decoder_attention_mask=mask)
    return [out.encoder_last_hidden_state, out.last_hidden_state]


POOLED = ("sequence_output", "pooled_output")
SEQUENCES = ("encoder_sequence_output", "decoder_sequence_output")

GPT2 = Pair(
    hub("GPT2Backbone", num_heads=HEADS, dropout=0.0, max_sequence_length=STEPS, **HUB),
    transformers(
        "GPT2",
        _tokens,
        vocab_size=VOCABULARY,
        n_embd=SIZE,
        n_layer=LEVELS,
        n_head=HEADS,
        n_inner=INNER,
        n_positions=STEPS,
        bos_token_id=None,
        eos_token_id=None,
    ),
    TOKENS,
)
VIT = Pair(
    hub(
        "ViTBackbone",
        image_shape=IMAGE,
        patch_size=8,
        num_layers=LEVELS,
        num_heads=HEADS,
        hidden_dim=SIZE,
        mlp_dim=INNER,
        layer_norm_epsilon=1e-12,
    ),
    transformers("ViT", _pixels, intermediate_size=INNER, **VISION),
    IMAGE,
)
VIT_EPSILON = Pair(
    hub(
        "ViTBackbone",
        image_shape=IMAGE,
        patch_size=8,
        num_layers=LEVELS,
        num_heads=HEADS,
        hidden_dim=SIZE,
        mlp_dim=INNER,
    ),
    VIT.torch,
    IMAGE,
)
LLAMA = Pair(
    hub("LlamaBackbone", num_query_heads=HEADS, num_key_value_heads=2, layer_norm_epsilon=1e-6, **HUB),
    transformers("Llama", _tokens, num_key_value_heads=2, rms_norm_eps=1e-6, **TEXT),
    TOKENS,
)
GEMMA = Pair(
    hub(
        "GemmaBackbone",
        num_query_heads=HEADS,
        num_key_value_heads=1,
        head_dim=8,
        **{**HUB, "intermediate_dim": 2 * INNER},
    ),
    transformers("Gemma", _tokens, num_key_value_heads=1, head_dim=8, hidden_activation="gelu_pytorch_tanh", **TEXT),
    TOKENS,
)
ALBERT = Pair(
    hub("AlbertBackbone", POOLED, num_heads=HEADS, embedding_dim=16, max_sequence_length=STEPS, **HUB),
    transformers(
        "Albert",
        _segments,
        embedding_size=16,
        max_position_embeddings=STEPS,
        hidden_act="gelu_new",
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        **TEXT,
    ),
    SEGMENTS,
)
BERT = Pair(
    hub("BertBackbone", POOLED, num_heads=HEADS, dropout=0.0, max_sequence_length=STEPS, **HUB),
    transformers("Bert", _segments, max_position_embeddings=STEPS, hidden_act="gelu_pytorch_tanh", **TEXT),
    SEGMENTS,
)
T5 = Pair(
    hub("T5Backbone", SEQUENCES, num_heads=HEADS, dropout=0.0, **HUB),
    transformers(
        "T5",
        _both,
        vocab_size=VOCABULARY,
        d_model=SIZE,
        d_kv=8,
        d_ff=INNER,
        num_layers=LEVELS,
        num_heads=HEADS,
        dropout_rate=0.0,
        feed_forward_proj="gated-relu",
    ),
    {
        "encoder_token_ids": TOKENS["token_ids"],
        "encoder_padding_mask": TOKENS["padding_mask"],
        "decoder_token_ids": TOKENS["token_ids"],
        "decoder_padding_mask": TOKENS["padding_mask"],
    },
)
WHISPER = Pair(
    hub(
        "WhisperBackbone",
        SEQUENCES,
        num_heads=HEADS,
        num_mels=16,
        max_encoder_sequence_length=24,
        max_decoder_sequence_length=STEPS,
        **HUB,
    ),
    transformers(
        "Whisper",
        _speech,
        vocab_size=VOCABULARY,
        d_model=SIZE,
        encoder_layers=LEVELS,
        decoder_layers=LEVELS,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=INNER,
        decoder_ffn_dim=INNER,
        num_mel_bins=16,
        max_source_positions=12,
        max_target_positions=STEPS,
        pad_token_id=None,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    ),
    {
        "encoder_features": Input((24, 16)),
        "decoder_token_ids": TOKENS["token_ids"],
        "decoder_padding_mask": TOKENS["padding_mask"],
    },
)


def _mobilenet() -> Any:
    import keras

    return keras.applications.MobileNetV2(alpha=0.35, weights=None, include_top=False, input_shape=(64, 64, 3))


MOBILENET = Pair(
    _mobilenet,
    transformers(
        "MobileNetV2",
        _pixels,
        depth_multiplier=0.35,
        image_size=64,
        attn_implementation=None,
    ),
    (64, 64, 3),
)
RESNET = Pair(
    hub(
        "ResNetBackbone",
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128],
        stackwise_num_blocks=[2, 2],
        stackwise_num_strides=[1, 2],
        block_type="bottleneck_block",
        image_shape=(48, 48, 3),
    ),
    transformers("ResNet", _pixels, hidden_sizes=[256, 512], depths=[2, 2], attn_implementation=None),
    (48, 48, 3),
)
