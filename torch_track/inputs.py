"""NumPy inputs as torch tensors: on the device, in torch's order of axes."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from twotrack.shared.spec.inputs import Input


def tensors(
    arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Input], device: str, real: torch.dtype
) -> list[Tensor]:
    """Return one tensor per input, in the order of the module's forward; numbers get the type `real`."""
    return [_tensor(arrays[name], spec, device, real) for name, spec in inputs.items()]


def _tensor(values: np.ndarray, spec: Input, device: str, real: torch.dtype) -> Tensor:
    dtype = {"real": real, "tokens": torch.int64, "mask": torch.bool}[spec.kind]
    # Contiguous: torch 2.13 crashes in the backward pass of GroupNorm on a channels-last view.
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, dtype).permute(spec.axes).contiguous()
