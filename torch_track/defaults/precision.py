"""float64 in PyTorch, to which Keras in float64 is compared."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.registry import DEFAULTS


def _wide(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float64) / 3)


@DEFAULTS.measures
def float64_policy() -> Measured:
    """Type of a layer after torch.set_default_dtype(torch.float64)."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        dtype = str(nn.Linear(1, 1).weight.dtype).removeprefix("torch.")
    finally:
        torch.set_default_dtype(before)
    return Measured({"a new layer": dtype})


@DEFAULTS.measures
def float64_promotion() -> Measured:
    """Type of float64 with float64; a product of such matrices."""
    promoted = str(torch.promote_types(torch.float64, torch.float64)).removeprefix("torch.")
    product = _wide(samples.SCORES[:16].reshape(4, 4)) @ _wide(samples.SCORES[16:32].reshape(4, 4))
    return Measured({"float64 with float64": promoted}, product.numpy())


@DEFAULTS.measures
def float64_cast() -> Measured:
    """0.999 as float64."""
    value = torch.tensor(0.999, dtype=torch.float64).item()
    return Measured({"0.999 is exact": value == 0.999}, value)


@DEFAULTS.measures
def float64_leaky_relu() -> Measured:
    """Leaky ReLU with slope 0.3 of -1 in float64."""
    value = functional.leaky_relu(torch.tensor(-1.0, dtype=torch.float64), 0.3).item()
    return Measured({"slope 0.3 is exact": value == -0.3}, value)


@DEFAULTS.measures
def float64_attention() -> Measured:
    """Attention of (1, 4, 4) on itself in float64."""
    x = _wide(samples.normal(1, 1, 4, 4))
    output = functional.scaled_dot_product_attention(x, x, x).numpy()
    return Measured(
        {"softmax is float64": bool(np.allclose(output, _attention(x.numpy()), rtol=0, atol=1e-14))}, output
    )


def _attention(x: np.ndarray) -> np.ndarray:
    scores = np.exp(x @ x.swapaxes(-1, -2) / 2)
    return scores / scores.sum(-1, keepdims=True) @ x
