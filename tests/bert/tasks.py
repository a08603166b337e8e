"""Worker tasks: what the tracks, and the frameworks' own loaders and tokenizers, make of a BERT folder.

Arrays travel in .npz files, weights in .safetensors files.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.bert.pairs import encoder_pair
from tests.optimizers.tasks import keras_float64
from twotrack.shared.bert.folder import open_folder
from twotrack.shared.track import Precision, TrackModel, open_track

Arguments = Mapping[str, Any]
INSIDE = "encoder."
"""Where the pair has its encoder."""


@contextmanager
def _encoder(arguments: Arguments, precision: Precision) -> Iterator[TrackModel]:
    """Build the track's encoder by the folder's config; afterwards Keras computes in float32 again."""
    pair = encoder_pair(open_folder(arguments["folder"]).config)
    with nullcontext() if arguments["track"] == "torch" else keras_float64():
        yield open_track(arguments["track"], "cpu").build(pair, 0, precision)


def states(arguments: Arguments, report: object) -> None:
    """Write what the encoder, with the folder's weights, has after the embeddings and after every block."""
    inputs, found = dict(np.load(arguments["inputs"])), {}
    with _encoder(arguments, arguments["precision"]) as encoder:
        weights = open_folder(arguments["folder"]).weights()
        encoder.load_weights({f"{INSIDE}{name}": array for name, array in weights.items()})
        layers, _ = encoder.probe().trace(inputs)
    for layer in layers:
        name = layer.path.removeprefix(INSIDE)
        if "." not in name and name.startswith(("embeddings_layer_norm", "transformer_layer_")):
            found[name] = layer.outputs[0]
    np.savez(arguments["out"], **found)


def through(arguments: Arguments, report: object) -> None:
    """Load weights into the track's encoder and write what it then says its weights are."""
    with _encoder(arguments, "float32") as encoder:
        encoder.load_weights({f"{INSIDE}{name}": array for name, array in load_file(arguments["start"]).items()})
        found = {name.removeprefix(INSIDE): array for name, array in encoder.weights().items()}
    save_file(found, arguments["out"])


# === The frameworks' own ===


def transformers_states(arguments: Arguments, report: object) -> None:
    """Write the states that transformers computes in float64, having loaded the folder itself."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(arguments["folder"], attn_implementation="sdpa").double().eval()
    inputs = {name: torch.from_numpy(array) for name, array in np.load(arguments["inputs"]).items()}
    with torch.no_grad():
        found = model(inputs["token_ids"], attention_mask=inputs["padding_mask"], output_hidden_states=True)
    first, *rest = (array.numpy() for array in found.hidden_states)
    blocks = {f"transformer_layer_{number}": array for number, array in enumerate(rest)}
    np.savez(arguments["out"], embeddings_layer_norm=first, **blocks)


def keras_hub_encoder(arguments: Arguments, report: object) -> None:
    """Write the weights and the last states of keras_hub's BertBackbone, having loaded the folder itself."""
    from keras import ops
    from keras_hub.models import BertBackbone

    from twotrack.keras_track.weights import weights

    backbone = BertBackbone.from_preset(arguments["folder"])
    inputs = dict(np.load(arguments["inputs"]))
    outputs = backbone.predict_on_batch(
        {
            "token_ids": inputs["token_ids"],
            "segment_ids": np.zeros_like(inputs["token_ids"]),
            "padding_mask": inputs["padding_mask"].astype("int32"),
        }
    )
    save_file(weights(backbone), arguments["weights"])
    np.save(arguments["out"], ops.convert_to_numpy(outputs["sequence_output"]))


def transformers_tokens(arguments: Arguments, report: object) -> list[list[int]]:
    """Return the ids of every text, [CLS] and [SEP] included, from transformers."""
    from transformers import BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(arguments["folder"])
    texts = json.loads(Path(arguments["texts"]).read_text())
    return tokenizer(texts, padding=False, truncation=False, split_special_tokens=True)["input_ids"]


def keras_hub_tokens(arguments: Arguments, report: object) -> list[list[int]]:
    """Return the same from keras_hub, whose tokenizer adds no special tokens itself."""
    from keras_hub.models import BertTokenizer

    tokenizer = BertTokenizer.from_preset(arguments["folder"])
    found = tokenizer(json.loads(Path(arguments["texts"]).read_text()))
    return [[tokenizer.cls_token_id, *ids, tokenizer.sep_token_id] for ids in found]
