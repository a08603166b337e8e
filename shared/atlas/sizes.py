"""Sizes and inputs that the atlas's architectures share: two blocks of 32 features, 12 tokens or small pictures."""

from typing import Any

from twotrack.shared.spec.inputs import Input

VOCABULARY, HIDDEN, HEADS, LEVELS, INNER, STEPS = 97, 32, 4, 2, 64, 12
IMAGE = (32, 32, 3)
TEXT_SIZES = f"{LEVELS} blocks, {HIDDEN} features, {HEADS} heads, {INNER} inner, {VOCABULARY} tokens, {STEPS} steps"
VISION_SIZES = f"{LEVELS} blocks, {HIDDEN} features, {HEADS} heads, {INNER} inner, {IMAGE[0]} pixels, patches of 8"

TOKENS = {
    "token_ids": Input((STEPS,), kind="tokens", size=VOCABULARY),
    "padding_mask": Input((STEPS,), kind="mask"),
}
SEGMENTS = {
    "token_ids": TOKENS["token_ids"],
    "segment_ids": Input((STEPS,), kind="tokens", size=2),
    "padding_mask": TOKENS["padding_mask"],
}
TWO_TEXTS = {f"{side}_{name}": spec for side in ("encoder", "decoder") for name, spec in TOKENS.items()}
POOLED = ("sequence_output", "pooled_output")
SEQUENCES = ("encoder_sequence_output", "decoder_sequence_output")

HUB = {"vocabulary_size": VOCABULARY, "num_layers": LEVELS, "hidden_dim": HIDDEN, "intermediate_dim": INNER}
EAGER = {"attn_implementation": "eager"}
TEXT = EAGER | {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LEVELS,
    "num_attention_heads": HEADS,
}
VISION = EAGER | {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LEVELS,
    "num_attention_heads": HEADS,
    "image_size": IMAGE[0],
    "patch_size": 8,
}


def tokens(model: Any, token_ids: Any, padding_mask: Any) -> Any:
    """Return the states (batch, steps, features) of tokens (batch, steps) with a mask (batch, steps)."""
    return model(input_ids=token_ids, attention_mask=padding_mask).last_hidden_state


def segments(model: Any, token_ids: Any, segment_ids: Any, padding_mask: Any) -> Any:
    """Return the states (batch, steps, features) and the pooled one (batch, features)."""
    out = model(input_ids=token_ids, token_type_ids=segment_ids, attention_mask=padding_mask)
    return [out.last_hidden_state, out.pooler_output]


def pixels(model: Any, images: Any) -> Any:
    """Return what is given last for images (batch, channels, height, width)."""
    return model(images).last_hidden_state


def both_texts(model: Any, one: Any, one_mask: Any, other: Any, other_mask: Any) -> Any:
    """Return the states of an encoder and of the decoder that reads them, each (batch, steps, features)."""
    out = model(input_ids=one, attention_mask=one_mask, decoder_input_ids=other, decoder_attention_mask=other_mask)
    return [out.encoder_last_hidden_state, out.last_hidden_state]
