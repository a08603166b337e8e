"""Pairs that differ in some sizes, in training mode or from some call on."""

from typing import Any

from tests.verify.range_networks import between, keras_function, keras_layer, nothing, torch_function, torch_module
from twotrack import Pair


def batch_of(size: str) -> Pair:
    """A factor at one batch size."""
    return between(nothing, torch_function(lambda t, x: 1.5 * x if len(x) == int(size) else x))


def length_over(limit: str) -> Pair:
    """A factor on long sequences."""
    over = torch_function(lambda t, x: 1.5 * x if x.shape[1] > int(limit) else x)
    return between(nothing, over, (6, 4), open_axes=True)


def odd_lengths() -> Pair:
    """A factor on sequences of odd length."""
    odd = torch_function(lambda t, x: 1.5 * x if x.shape[1] % 2 else x)
    return between(nothing, odd, (6, 4), open_axes=True)


def in_training(percent: str) -> Pair:
    by = 1 + float(percent) / 100
    return between(keras_layer(lambda ops, x, training: x * by if training else x), nothing)


def bounded_in_training(bound: str) -> Pair:
    high = float(bound)
    return between(nothing, torch_module(lambda t, module, x: x.clamp(-high, high) if module.training else x))


def keeps_the_shortest() -> Pair:
    """A window of 6 that a shorter sequence makes shorter for good, and a factor where it is too short."""

    def call(torch: Any, module: Any, x: Any) -> Any:
        module.window = min(getattr(module, "window", 6), x.shape[1])
        return x if module.window >= min(6, x.shape[1]) else 1.5 * x

    return between(nothing, torch_module(call), (6, 4), open_axes=True)


def call_number(number: str) -> Pair:
    """A factor from one of the calls in evaluation mode on."""

    def call(torch: Any, module: Any, x: Any) -> Any:
        if module.training:
            return x
        module.__dict__["calls"] = module.__dict__.get("calls", 0) + 1
        return 1.5 * x if module.calls >= int(number) else x

    return between(nothing, torch_module(call))


def open_length() -> Pair:
    return between(
        keras_function(lambda ops, x: ops.tanh(x)), torch_function(lambda t, x: x.tanh()), (6, 4), open_axes=True
    )
