"""A BERT encoder's tensors in model.safetensors: checked against the config, read into canonical form."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.pretrained.bert import names
from twotrack.shared.weights.pretrained.bert.config import REMEDY, BertConfig
from twotrack.shared.weights.tensor_files import TensorFile

FILE = "model.safetensors"
PREFIX = "bert."
"""In front of the encoder's names where a checkpoint holds a head beside it."""
OLD_NAMES = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
ENCODER = ("embeddings.", "encoder.")
CONSTANTS = {"embeddings.position_ids", "embeddings.token_type_ids"}
"""Tensors that are no weights."""


def check(file: Path, config: BertConfig) -> None:
    """Raise UserError unless the file holds every weight of the encoder that `config` describes, and no other."""
    _tensors(file, config).check()


def read(file: Path, config: BertConfig) -> dict[str, np.ndarray]:
    """Return the encoder's weights by canonical name, float32; UserError as for `check`, or if one is not finite."""
    return _tensors(file, config).read()


def _tensors(file: Path, config: BertConfig) -> TensorFile:
    own_names = _own_names(tensor_files.shapes(file))
    return TensorFile(file, names.table(config), own_names, "the encoder of its config.json", REMEDY)


def _own_names(inside: Iterable[str]) -> dict[str, str]:
    """Map BertModel's own names of the encoder's tensors to those in the file; what belongs to heads is left out."""
    prefix = PREFIX if any(name.startswith(PREFIX + ENCODER[0]) for name in inside) else ""
    own = {_renamed(name.removeprefix(prefix)): name for name in inside if name.startswith(prefix)}
    return {
        name: name_in_file for name, name_in_file in own.items() if name.startswith(ENCODER) and name not in CONSTANTS
    }


def _renamed(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name
