"""A BERT encoder's tensors in model.safetensors: checked against the config, read into canonical form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from shared.bert import names
from shared.bert.config import BertConfig
from shared.bridge import BridgeError
from shared.bridge.names import require_same
from shared.errors import UserError

FILE = "model.safetensors"
PREFIX = "bert."
"""In front of the encoder's names where a checkpoint holds a head beside it."""
OLD_NAMES = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
ENCODER = ("embeddings.", "encoder.")
CONSTANTS = {"embeddings.position_ids", "embeddings.token_type_ids"}
"""Tensors that are no weights."""
TYPES = {"F32", "F16"}


def check(file: Path, config: BertConfig) -> None:
    """Raise UserError unless the file holds every weight of the encoder that `config` describes, and no other."""
    with _open(file) as tensors:
        slices = {ours: tensors.get_slice(theirs) for ours, theirs in _own_names(tensors).items()}
        found = {name: tuple(one.get_shape()) for name, one in slices.items()}
        types = {name: one.get_dtype() for name, one in slices.items()}
    expected = {name: weight.shape for name, weight in names.table(config).items()}
    try:
        require_same(expected, found, "the encoder of its config.json", f"the weights in '{file}'")
    except BridgeError as error:
        raise UserError(f"{error}; name the folder of a BERT encoder with --weights.") from error
    for name, kind in types.items():
        if kind not in TYPES:
            raise UserError(f"'{file}': '{name}' is of type {kind}; expected {' or '.join(sorted(TYPES))}: save it so.")


def read(file: Path, config: BertConfig) -> dict[str, np.ndarray]:
    """Return the encoder's weights by canonical name, float32; UserError as for `check`, or if one is not finite."""
    check(file, config)
    weights = {}
    with _open(file) as tensors:
        theirs = _own_names(tensors)
        for name, weight in names.table(config).items():
            own = tensors.get_tensor(theirs[name])
            if not np.isfinite(own).all():
                raise UserError(f"'{file}': '{name}' has NaN or infinity; download the weights again.")
            weights[weight.canonical] = np.array(weight.layout.to_canonical(own), np.float32, order="C")
    return weights


@contextmanager
def _open(file: Path) -> Iterator[safe_open]:
    try:
        with safe_open(file, "numpy") as tensors:
            yield tensors
    except SafetensorError as error:
        raise UserError(f"'{file}' is damaged or no safetensors file ({error}); download the weights again.") from error


def _own_names(tensors: safe_open) -> dict[str, str]:
    """Map BertModel's own names of the encoder's tensors to those in the file; what belongs to heads is left out."""
    inside = list(tensors.keys())
    prefix = PREFIX if any(name.startswith(PREFIX + ENCODER[0]) for name in inside) else ""
    own = {_renamed(name.removeprefix(prefix)): name for name in inside if name.startswith(prefix)}
    return {name: theirs for name, theirs in own.items() if name.startswith(ENCODER) and name not in CONSTANTS}


def _renamed(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name
