"""NumPy inputs as torch tensors: on the device, in torch's order of axes, channels marked."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from twotrack.shared.spec.inputs import Input
from twotrack.torch_track.axes import mark_channels


def tensors(
    arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Input], device: str, real: torch.dtype
) -> list[Tensor]:
    """Return one tensor per input, in the order of the module's forward; numbers get the type `real`."""
    return [_tensor(arrays[name], one, device, real) for name, one in inputs.items()]


def _tensor(values: np.ndarray, one: Input, device: str, real: torch.dtype) -> Tensor:
    dtype = {"real": real, "tokens": torch.int64, "mask": torch.bool}[one.kind]
    # Contiguous: torch 2.13 crashes in the backward pass of GroupNorm on a channels-last view.
    tensor = torch.from_numpy(np.ascontiguousarray(values)).to(device, dtype).permute(one.axes).contiguous()
    moved = one.axes != tuple(range(len(one.axes)))
    return mark_channels(tensor, one.axes.index(len(one.axes) - 1)) if moved else tensor
