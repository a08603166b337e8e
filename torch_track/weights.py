"""nn.Module <-> canonical weights."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from shared.bridge import BridgeError
from shared.bridge.layouts import CONV2D, DENSE, SAME, Layout, dense_after_flatten
from shared.bridge.names import require_same

BATCH_NORM = {
    "weight": ("gamma", SAME),
    "bias": ("beta", SAME),
    "running_mean": ("moving_mean", SAME),
    "running_var": ("moving_variance", SAME),
}
RULES: dict[type[nn.Module], dict[str, tuple[str, Layout]]] = {
    nn.Linear: {"weight": ("kernel", DENSE), "bias": ("bias", SAME)},
    nn.Conv2d: {"weight": ("kernel", CONV2D), "bias": ("bias", SAME)},
    nn.BatchNorm2d: BATCH_NORM,
}
NOT_WEIGHTS = {"num_batches_tracked"}
"""Buffers that only count; Keras has no counterpart and the aligned momentum does not need it."""

Flattened = Mapping[str, tuple[int, int, int]]


class Entry(NamedTuple):
    """Where a canonical weight lives in the module."""

    torch_name: str
    tensor: torch.Tensor
    layout: Layout


def name_table(module: nn.Module, flattened: Flattened) -> dict[str, Entry]:
    """Map canonical names to the module's tensors, in the module's order.

    `flattened` names the dense layers behind a Flatten, with the (height, width, channels) flattened.
    Raises BridgeError for a tensor that no rule covers.
    """
    table = {}
    for path, layer in module.named_modules():
        for name, tensor in _own_tensors(layer):
            kind, layout = _rule(layer, path, name)
            if path in flattened and kind == "kernel":
                layout = dense_after_flatten(*flattened[path])
            table[f"{path}.{kind}"] = Entry(f"{path}.{name}", tensor, layout)
    return table


def _own_tensors(layer: nn.Module) -> list[tuple[str, torch.Tensor]]:
    tensors = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
    return [(name, tensor) for name, tensor in tensors if name not in NOT_WEIGHTS]


def _rule(layer: nn.Module, path: str, name: str) -> tuple[str, Layout]:
    for layer_type, rule in RULES.items():
        if isinstance(layer, layer_type) and name in rule:
            return rule[name]
    raise BridgeError(f"no bridge rule covers '{path}.{name}' of torch's {type(layer).__name__}")


def weights(module: nn.Module, flattened: Flattened) -> dict[str, np.ndarray]:
    """Return copies of the module's weights in canonical form."""
    return {
        name: entry.layout.to_canonical(entry.tensor.detach().cpu().numpy().copy())
        for name, entry in name_table(module, flattened).items()
    }


def load_weights(module: nn.Module, flattened: Flattened, canonical: Mapping[str, np.ndarray]) -> None:
    """Copy canonical weights into the module; BridgeError if a name is missing, left over or misshapen."""
    table = name_table(module, flattened)
    expected = {name: array.shape for name, array in weights(module, flattened).items()}
    require_same(expected, {name: array.shape for name, array in canonical.items()}, "the torch model")
    with torch.no_grad():
        for name, entry in table.items():
            entry.tensor.copy_(torch.from_numpy(entry.layout.from_canonical(canonical[name])))
