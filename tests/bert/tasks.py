"""Worker tasks: what the tracks, and the frameworks' own loaders and tokenizers, make of a BERT folder.

Arrays travel in .npz files, weights in .safetensors files.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.bert.pairs import encoder_pair
from tests.optimizers.tasks import keras_float64
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class States:
    """A track's encoder with the weights of a folder, and the files of inputs and states."""

    track: str
    folder: str
    precision: Precision
    inputs: str
    out: str


@dataclass(frozen=True)
class Through:
    """A track's encoder by the config of a folder, and the files of weights in and out."""

    track: str
    folder: str
    start: str
    out: str


@dataclass(frozen=True)
class OwnStates:
    """A folder, and the files of inputs and states."""

    folder: str
    inputs: str
    out: str


@dataclass(frozen=True)
class OwnEncoder(OwnStates):
    weights: str
    """File of the weights."""


@dataclass(frozen=True)
class Texts:
    """A JSON file of texts, and the folder of the vocabulary."""

    texts: str
    folder: str


INSIDE = "encoder."
"""Where the pair has its encoder."""


@contextmanager
def _encoder(track: str, folder: str, precision: Precision) -> Iterator[TrackModel]:
    """Build the track's encoder by the folder's config; afterwards Keras computes in float32 again."""
    pair = encoder_pair(open_folder(folder).config)
    with nullcontext() if track == "torch" else keras_float64():
        yield open_track(track, "cpu").build(pair, 0, precision)


@task
def states(asked: States) -> None:
    """Write what the encoder, with the folder's weights, has after the embeddings and after every block."""
    inputs, found = dict(np.load(asked.inputs)), {}
    with _encoder(asked.track, asked.folder, asked.precision) as encoder:
        weights = open_folder(asked.folder).weights()
        encoder.load_weights({f"{INSIDE}{name}": array for name, array in weights.items()})
        layers, _ = encoder.probe().trace(inputs)
    for layer in layers:
        name = layer.path.removeprefix(INSIDE)
        if "." not in name and name.startswith(("embeddings_layer_norm", "transformer_layer_")):
            found[name] = layer.outputs[0]
    np.savez(asked.out, **found)


@task
def through(asked: Through) -> None:
    """Load weights into the track's encoder and write what it then says its weights are."""
    with _encoder(asked.track, asked.folder, "float32") as encoder:
        encoder.load_weights({f"{INSIDE}{name}": array for name, array in load_file(asked.start).items()})
        found = {name.removeprefix(INSIDE): array for name, array in encoder.weights().items()}
    save_file(found, asked.out)


# === The frameworks' own ===


@task
def transformers_states(asked: OwnStates) -> None:
    """Write the states that transformers computes in float64, having loaded the folder itself."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(asked.folder, attn_implementation="sdpa").double().eval()
    inputs = {name: torch.from_numpy(array) for name, array in np.load(asked.inputs).items()}
    with torch.no_grad():
        found = model(inputs["token_ids"], attention_mask=inputs["padding_mask"], output_hidden_states=True)
    first, *rest = (array.numpy() for array in found.hidden_states)
    blocks = {f"transformer_layer_{number}": array for number, array in enumerate(rest)}
    np.savez(asked.out, embeddings_layer_norm=first, **blocks)


@task
def keras_hub_encoder(asked: OwnEncoder) -> None:
    """Write the weights and the last states of keras_hub's BertBackbone, having loaded the folder itself."""
    from keras import ops
    from keras_hub.models import BertBackbone

    from twotrack.keras_track.weights import weights

    backbone = BertBackbone.from_preset(asked.folder)
    inputs = dict(np.load(asked.inputs))
    outputs = backbone.predict_on_batch(
        {
            "token_ids": inputs["token_ids"],
            "segment_ids": np.zeros_like(inputs["token_ids"]),
            "padding_mask": inputs["padding_mask"].astype("int32"),
        }
    )
    save_file(weights(backbone), asked.weights)
    np.save(asked.out, ops.convert_to_numpy(outputs["sequence_output"]))


@task
def transformers_tokens(asked: Texts) -> list[list[int]]:
    """Return the ids of every text, [CLS] and [SEP] included, from transformers."""
    from transformers import BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(asked.folder)
    texts = json.loads(Path(asked.texts).read_text())
    return tokenizer(texts, padding=False, truncation=False, split_special_tokens=True)["input_ids"]


@task
def keras_hub_tokens(asked: Texts) -> list[list[int]]:
    """Return the same from keras_hub, whose tokenizer adds no special tokens itself."""
    from keras_hub.models import BertTokenizer

    tokenizer = BertTokenizer.from_preset(asked.folder)
    found = tokenizer(json.loads(Path(asked.texts).read_text()))
    return [[tokenizer.cls_token_id, *ids, tokenizer.sep_token_id] for ids in found]
