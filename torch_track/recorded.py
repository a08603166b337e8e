"""Weights that were recorded under torch's own names, as `state_dict` has them."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track.weights import MODEL, NOT_WEIGHTS


def load_own_weights(module: nn.Module, own: Mapping[str, np.ndarray]) -> None:
    """Copy them into the module, cast to its type; BridgeError if a name is missing, left over or misshapen.

    A tensor that several names share is recorded under the first.
    """
    tensors: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen and name.rpartition(".")[2] not in NOT_WEIGHTS:
            tensors[name] = tensor
            seen.add(id(tensor))
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    require_same(shapes, {name: array.shape for name, array in own.items()}, MODEL, "the recording")
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(own[name]))
