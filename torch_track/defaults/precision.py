"""float64 in PyTorch, to which Keras in float64 is compared; what autocast computes in what."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.precision import aten
from twotrack.shared.precision.computing import Computing
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


def _computes_in(precision: str) -> dict[str, str]:
    """Return what modules and functions compute in under torch.autocast, beside casts and copies."""
    rows, picture = torch.from_numpy(samples.normal(4, 8)), torch.from_numpy(samples.normal(2, 4, 6, 6))
    steps, ids = torch.from_numpy(samples.normal(2, 5, 8)), torch.zeros((2, 5), dtype=torch.int64)
    attention, half = nn.MultiheadAttention(8, 2, batch_first=True), rows.to(getattr(torch, precision))
    done: dict[str, Callable[[], object]] = {
        "dense": partial(nn.Linear(8, 3), rows),
        "convolution": partial(nn.Conv2d(4, 3, 3), picture),
        "embedding": partial(nn.Embedding(3, 8), ids),
        "simple recurrence": partial(nn.RNN(8, 3, batch_first=True), steps),
        "LSTM": partial(nn.LSTM(8, 3, batch_first=True), steps),
        "GRU": partial(nn.GRU(8, 3, batch_first=True), steps),
        "attention": partial(attention, steps, steps, steps),
        "matmul": partial(torch.matmul, half, half.T),
        "batch norm": partial(nn.BatchNorm2d(4), picture.to(half)),
        "layer norm": partial(nn.LayerNorm(8), half),
        "group norm": partial(nn.GroupNorm(2, 8), half),
        "max pool": partial(nn.MaxPool2d(2), picture.to(half)),
        "average pool": partial(nn.AvgPool2d(2), picture.to(half)),
        "relu": partial(nn.ReLU(), half),
        "tanh": partial(nn.Tanh(), half),
        "sigmoid": partial(nn.Sigmoid(), half),
        "gelu": partial(nn.GELU(), half),
        "softmax": partial(nn.Softmax(-1), half),
        "log-softmax": partial(nn.LogSoftmax(-1), half),
        "residual sum": partial(torch.add, half, half),
        "mean": partial(torch.mean, half),
        **_losses(half),
    }
    return {name: _types(step, precision) for name, step in done.items()}


def _losses(outputs: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return losses of outputs (4, 8) in half precision."""
    targets, classes = torch.zeros(4, 8), torch.zeros(4, dtype=torch.int64)
    return {
        "cross-entropy": partial(functional.cross_entropy, outputs, classes),
        "binary cross-entropy": partial(functional.binary_cross_entropy_with_logits, outputs, targets),
        "squared error": partial(functional.mse_loss, outputs, targets),
    }


def _types(step: Callable[[], object], precision: str) -> str:
    """Return the types that a call computes in, without kernels that one processor has and another has not."""
    computing, module = Computing(""), torch.backends.mkldnn
    before = module.enabled
    module.enabled = False  # type: ignore[assignment]  # torch gives it the type of the property, not of its value
    try:
        with torch.autocast("cpu", getattr(torch, precision)), aten.noted(computing, lambda: ("", "")):
            step()
    finally:
        module.enabled = before
    return " and ".join(sorted({found.precision for found in computing.found if found.computes}))


@DEFAULTS.measures
def mixed_bfloat16() -> Measured:
    """What modules compute in under autocast to bfloat16, on the CPU."""
    return Measured(_computes_in("bfloat16"))


@DEFAULTS.measures
def mixed_float16() -> Measured:
    """What modules compute in under autocast to float16, on the CPU."""
    return Measured(_computes_in("float16"))


@DEFAULTS.measures
def loss_scaling() -> Measured:
    """GradScaler, and a schedule beside it, over a step with a finite gradient and one with an infinite one."""
    weight = nn.Parameter(torch.ones(1))
    optimizer, scaler = torch.optim.SGD([weight], lr=1.0), torch.amp.GradScaler("cpu", growth_interval=1)
    schedule, interval = (
        torch.optim.lr_scheduler.StepLR(optimizer, 1),
        torch.amp.GradScaler("cpu").get_growth_interval(),
    )
    scales, values, rates = [float(scaler.scale(torch.ones(1)))], list[float](), list[float]()
    for gradient in (1.0, float("inf")):
        weight.grad = torch.full((1,), gradient)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        scales.append(scaler.get_scale())
        values.append(weight.item())
        rates.append(float(schedule.get_last_lr()[0]))
    return Measured(
        {
            "initial scale": scales[0],
            "steps until it grows": interval,
            "grows by": scales[1] / scales[0],
            "after infinity, times": scales[2] / scales[1],
            "a step with infinity is done": values[1] != values[0],
            "a schedule counts it": rates[1] != rates[0],
        }
    )
