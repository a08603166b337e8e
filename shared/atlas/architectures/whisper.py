"""Whisper: keras_hub's WhisperBackbone against transformers' WhisperModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import (
    EAGER,
    HEADS,
    HIDDEN,
    HUB,
    INNER,
    LEVELS,
    SEQUENCES,
    STEPS,
    TEXT_SIZES,
    TOKENS,
    VOCABULARY,
)
from twotrack.shared.spec.inputs import Input

FRAMES, MELS = 24, 16


def speech(model: Any, sound: Any, token_ids: Any, padding_mask: Any) -> Any:
    """Return the states of the encoder (batch, frames, features) and of the decoder (batch, steps, features)."""
    out = model(input_features=sound.transpose(1, 2), decoder_input_ids=token_ids, decoder_attention_mask=padding_mask)
    return [out.encoder_last_hidden_state, out.last_hidden_state]


ARCHITECTURE = Architecture(
    "Whisper",
    KerasModel(
        "keras_hub.models.WhisperBackbone",
        HUB
        | {
            "num_heads": HEADS,
            "num_mels": MELS,
            "max_encoder_sequence_length": FRAMES,
            "max_decoder_sequence_length": STEPS,
        },
        SEQUENCES,
    ),
    TorchModel(
        "Whisper",
        speech,
        EAGER
        | {
            "vocab_size": VOCABULARY,
            "d_model": HIDDEN,
            "encoder_layers": LEVELS,
            "decoder_layers": LEVELS,
            "encoder_attention_heads": HEADS,
            "decoder_attention_heads": HEADS,
            "encoder_ffn_dim": INNER,
            "decoder_ffn_dim": INNER,
            "num_mel_bins": MELS,
            "max_source_positions": FRAMES // 2,
            "max_target_positions": STEPS,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
            "suppress_tokens": None,
            "begin_suppress_tokens": None,
        },
    ),
    {
        "encoder_features": Input((FRAMES, MELS)),
        "decoder_token_ids": TOKENS["token_ids"],
        "decoder_padding_mask": TOKENS["padding_mask"],
    },
    f"{TEXT_SIZES}, in encoder and decoder, {FRAMES} frames of {MELS} bands",
    alignments=(
        Alignment(
            "padding row: transformers does not train the decoder's row of padding (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
