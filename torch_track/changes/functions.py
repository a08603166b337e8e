"""Functions that a change can put into a model: of tensors in canonical order of axes, differentiable."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twotrack.shared.spec.changes import Function

Widths = Sequence[Sequence[int]]
"""In front and behind, of every axis between batch and channels."""


def compute(function: Function, x: Tensor, training: bool = False) -> Tensor:
    """Return the function of x (batch, ..., channels)."""
    if function.name in RANDOM:
        return RANDOM[function.name](x, **function.parameters) if training else x
    return FUNCTIONS[function.name](x, **function.parameters)


def _order(x: Tensor, order: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Put the numbers of every example in another order, and in a shape (...)."""
    index = torch.tensor(order, device=x.device)
    return x.reshape(len(x), -1).index_select(1, index).reshape(len(x), *shape)


def _reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Keep the order, in a shape (...)."""
    return x.reshape(len(x), *shape)


def _select(x: Tensor, axis: int, index: int) -> Tensor:
    return x.select(axis, index)


def _scale_channels(x: Tensor, factors: Sequence[float]) -> Tensor:
    """Multiply each feature."""
    return x * torch.tensor(factors, dtype=x.dtype, device=x.device)


def _ends(x: Tensor) -> Tensor:
    """Take the last step of the first half of the features, and the first of the second: (batch, steps, features)."""
    half = x.shape[-1] // 2
    return torch.cat([x[:, -1, :half], x[:, 0, half:]], -1)


def _exchange(x: Tensor, first: int, second: int) -> Tensor:
    return x.transpose(first, second)


def _reverse(x: Tensor, axis: int) -> Tensor:
    return x.flip(axis)


def _roll(x: Tensor, axis: int, by: int) -> Tensor:
    """Move everything along an axis; zeros come in."""
    moved = x.roll(by, axis)
    edge = moved.narrow(axis, 0 if by > 0 else x.shape[axis] + by, abs(by))
    return moved - functional.pad(
        edge, _one_axis(x.ndim, axis, (0, x.shape[axis] - by) if by > 0 else (x.shape[axis] + by, 0))
    )


def _one_axis(rank: int, axis: int, widths: tuple[int, int]) -> list[int]:
    return [0, 0] * (rank - 1 - axis % rank) + list(widths) + [0, 0] * (axis % rank)


def _pad(x: Tensor, widths: Widths, value: float = 0.0) -> Tensor:
    """Add rows around (batch, ..., channels), or cut them where a width is negative."""
    return functional.pad(x, [0, 0, *(width for pair in reversed(widths) for width in pair)], value=value)


def _reduce(x: Tensor, axis: int | tuple[int, ...], how: str) -> Tensor:
    return x.amax(axis) if how == "max" else x.sum(axis) if how == "sum" else x.mean(axis)


def _offset(x: Tensor, by: float | Sequence[float], shape: Sequence[int] = (-1,)) -> Tensor:
    """Add a number, or one for each feature or of a shape."""
    added = torch.tensor(by, dtype=x.dtype, device=x.device)
    return x + (added.reshape(*shape) if added.ndim else added)


def _scale(x: Tensor, factor: float) -> Tensor:
    return x * factor


def _layer_norm(x: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=epsilon)


def _deviation(x: Tensor, epsilon: float) -> Tensor:
    """Return the root of the biased variance over the last axis plus epsilon."""
    return (x.var(-1, unbiased=False, keepdim=True) + epsilon).sqrt()


def _rms_norm(x: Tensor, epsilon: float) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon)


def hidden(x: Tensor) -> Tensor:
    """Tell which scores a mask hides: to them the smallest number of their type, or -infinity, was added."""
    return x <= torch.finfo(x.dtype).min / 2


def _filled_softmax(x: Tensor, fill: float) -> Tensor:
    """Put a number in the place of hidden scores, and leave them no share."""
    hides = hidden(x)
    return torch.softmax(x.masked_fill(hides, fill), -1).masked_fill(hides, 0.0)


def _scaled_softmax(x: Tensor, factor: float, dim: int) -> Tensor:
    return torch.softmax(x * factor, dim)


def _causal_softmax(x: Tensor) -> Tensor:
    """Let no step look at a later one, of scores (..., steps, steps)."""
    later = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
    return torch.softmax(x.masked_fill(later, float("-inf")), -1)


def _pool(x: Tensor, how: str, size: Sequence[int], strides: Sequence[int], widths: Widths, counts: bool) -> Tensor:
    """Pool over (batch, ..., channels); average pooling counts the padding or not."""
    rank = len(size)
    moved, flat = x.movedim(-1, 1), [width for pair in reversed(widths) for width in pair]
    if how == "max":
        pooled = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1](
            functional.pad(moved, flat, value=float("-inf")), tuple(size), tuple(strides)
        )
        return pooled.movedim(1, -1)
    average = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]
    pooled = average(functional.pad(moved, flat), tuple(size), tuple(strides))
    if not counts:
        pooled = pooled / average(functional.pad(torch.ones_like(moved), flat), tuple(size), tuple(strides))
    return pooled.movedim(1, -1)


def _resize(x: Tensor, size: Sequence[int], mode: str, align_corners: bool | None = None) -> Tensor:
    resized = functional.interpolate(x.movedim(-1, 1), tuple(size), mode=mode, align_corners=align_corners)
    return resized.movedim(1, -1)


def _dropout(x: Tensor, rate: float, mask: Sequence[int]) -> Tensor:
    """Drop by a mask of a shape with the batch, of which axes of 1 are shared."""
    return x * functional.dropout(x.new_ones((len(x), *mask[1:]) if mask[0] > 1 else mask), rate)


def _alpha_dropout(x: Tensor, rate: float) -> Tensor:
    return functional.alpha_dropout(x, rate, training=True)


def _normal_noise(x: Tensor, deviation: float, factor: bool = False) -> Tensor:
    noise = deviation * torch.randn_like(x)
    return x * (1 + noise) if factor else x + noise


RANDOM: Mapping[str, Callable[..., Tensor]] = {
    "dropout": _dropout,
    "alpha_dropout": _alpha_dropout,
    "normal_noise": _normal_noise,
}
"""In training mode; in evaluation mode nothing is done."""
ACTIVATIONS: Mapping[str, Callable[..., Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "relu6": functional.relu6,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_silu": functional.hardswish,
    "hard_tanh": functional.hardtanh,
    "mish": functional.mish,
    "log_sigmoid": functional.logsigmoid,
    "exp": torch.exp,
    "abs": torch.abs,
    "square": torch.square,
}
"""By the name that Keras has for it."""
WRITTEN_OUT: Mapping[str, Callable[..., Tensor]] = {
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "hard_sigmoid_of_keras_2": lambda x: torch.clamp(0.2 * x + 0.5, 0.0, 1.0),
    "1 - sigmoid": lambda x: torch.sigmoid(-x),
}
"""Activations that neither framework has, and that code writes out."""
LEAKY_SLOPES = (0.2, 0.3, 0.1, 0.01)

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **ACTIVATIONS,
    **WRITTEN_OUT,
    "identity": lambda x: x,
    "linear": lambda x: x,
    "leaky_relu": lambda x, slope=0.01: functional.leaky_relu(x, slope),
    "clip": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "logical_not": torch.logical_not,
    "order": _order,
    "reshape": _reshape,
    "select": _select,
    "ends": _ends,
    "scale_channels": _scale_channels,
    "exchange": _exchange,
    "reverse": _reverse,
    "roll": _roll,
    "pad": _pad,
    "reduce": _reduce,
    "offset": _offset,
    "scale": _scale,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "deviation": _deviation,
    "filled_softmax": _filled_softmax,
    "scaled_softmax": _scaled_softmax,
    "causal_softmax": _causal_softmax,
    "pool": _pool,
    "resize": _resize,
}


MASKS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "opposite mask": torch.logical_not,
    "mask of the other direction": lambda mask: mask.transpose(-1, -2),
    "mask with another diagonal": lambda mask: mask ^ torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device),
}
"""Of a mask that is True or False; all but the first of one (..., steps, steps)."""
HIDING = -1e3
"""From which number on downwards what is added to a score hides it."""


def is_mask(given: object) -> bool:
    """Tell whether an argument is a mask (..., steps): of True and False, or of numbers that hide and of 0."""
    if not isinstance(given, Tensor) or given.ndim < 2:
        return False
    if given.is_floating_point():
        hides = given <= HIDING
        return bool(hides.any() and (hides | (given == 0)).all())
    return given.dtype == torch.bool


def turned_mask(name: str, given: Any) -> Any:
    """Return an argument as it is, or what a name in MASKS makes of it if it is a mask."""
    if not is_mask(given):
        return given
    if given.dtype == torch.bool:
        return MASKS[name](given)
    return torch.zeros_like(given).masked_fill(MASKS[name](given <= HIDING), float(given.min()))


BOTH: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "product": torch.mul,
    "difference": torch.sub,
    "difference the other way round": lambda one, other: other - one,
    "mean": lambda one, other: (one + other) / 2,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "first": lambda one, other: one + torch.zeros_like(other),
    "second": lambda one, other: torch.zeros_like(one) + other,
}
"""Of two tensors that go together."""


def compute_both(function: Function, one: Tensor, other: Tensor) -> Tensor:
    """Return what `of`, a name in BOTH, makes of two tensors, with activations of `first`, of `second`, and `then`.

    Each of the two is multiplied by `by_first` or `by_second`.
    """
    by_first, by_second = (float(function.parameters.get(name, 1.0)) for name in ("by_first", "by_second"))  # type: ignore[arg-type]
    one, other = one * by_first, other * by_second
    first, second, then = (FUNCTIONS[str(function.parameters.get(place, "identity"))] for place in PLACES)
    return then(BOTH[str(function.parameters["of"])](first(one), second(other)))


PLACES = ("first", "second", "then")
"""Of a function of two tensors where an activation may stand."""


POOLS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": lambda value, counts: (value * counts).sum(1) / counts.sum(1),
    "sum": lambda value, counts: (value * counts).sum(1),
    "max": lambda value, counts: value.masked_fill(~counts, float("-inf")).amax(1),
    "mean of all steps": lambda value, counts: (value * counts).mean(1),
}
"""Of a value (batch, steps, features), of which steps count (batch, steps, 1)."""


def all_activations(slope: float | None = None) -> list[Function]:
    """Return the activations, and leaky ones with a slope that is stated, if one is, and with usual ones."""
    slopes = dict.fromkeys([*([] if slope is None else [slope]), *LEAKY_SLOPES])
    leaky = [Function(name="leaky_relu", parameters={"slope": one}) for one in slopes]
    return [*(Function(name=name) for name in (*ACTIVATIONS, *WRITTEN_OUT)), *leaky]


def in_words(function: Function) -> str:
    """Return a function as a line of code has it."""
    settings = ", ".join(f"{name}={value}" for name, value in function.parameters.items())
    return f"{function.name}({settings})" if settings else function.name
