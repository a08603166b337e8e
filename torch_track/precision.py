"""PyTorch in float64 for verification, and back, in one process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn, overrides

from twotrack.shared.spec.track import Precision
from twotrack.shared.spec.widening import NarrowRequest
from twotrack.torch_track import exact_activations
from twotrack.torch_track.widening import WIDER, Widening

_replaced = ExitStack()
"""Puts back what float64 replaced."""
_widening: list[Widening] = []
"""What is in force, if anything."""


def set_precision(precision: Precision, widens: bool = True) -> None:
    """Give all modules, losses and optimizers built and run from now on this precision.

    In float64 every request for less is answered with float64, unless nothing `widens` it; in less than float32 new
    tensors are float32, as they are for a user. What was built before keeps its own, and must not be used while the
    other holds.
    """
    _replaced.close()
    if precision == "float64":
        _replaced.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
    if precision == "float64" and widens:
        _replace(torch, "set_default_dtype", _never_narrow(torch.set_default_dtype))
        _replace(torch.overrides, "has_torch_function", _without_widening(torch.overrides.has_torch_function))
        for module, name, exact in exact_activations.KERNELS:
            _replace(module, name, exact)
            _replace(module, f"{name}_", exact_activations.in_place(exact))
        _replaced.callback(_widening.clear)
        _widening.append(_replaced.enter_context(Widening()))


@contextmanager
def paused() -> Iterator[None]:
    """Rewrite no request for a while: torch's compiler would take what rewrites them for a part of the model."""
    above: list[Any] = []
    if _widening:
        while (mode := overrides._pop_mode()) is not _widening[0]:
            above.insert(0, mode)
        _pushed(above)
    try:
        yield
    finally:
        if _widening:
            for _ in above:
                overrides._pop_mode()
            _pushed([_widening[0], *above])


def _pushed(modes: Sequence[Any]) -> None:
    for mode in modes:
        overrides._push_mode(mode)


def building() -> AbstractContextManager[None]:
    """Return what a module is built in."""
    return _widening[0].building() if _widening else nullcontext()


def asked(paths: Mapping[int, str]) -> list[NarrowRequest]:
    """Return the requests for a narrower precision since it was set; `paths` are canonical, by the id of a layer."""
    return _widening[0].requests.of(paths) if _widening else []


def _replace(module: Any, name: str, value: object) -> None:
    _replaced.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, value)


def _never_narrow(set_default: Callable) -> Callable:
    """Return `torch.set_default_dtype` that takes no narrower type than float64."""

    def widened(dtype: Any) -> None:
        set_default(WIDER.get(dtype, dtype))

    return widened


def _without_widening(has_torch_function: Callable) -> Callable:
    """Return the question whether a call is watched, answered as if nothing widened.

    nn.TransformerEncoder and nn.MultiheadAttention ask it, and take another way through padded steps if so.
    """

    def asked(arguments: Any) -> bool:
        if torch._C._len_torch_function_stack() > len(_widening):
            return has_torch_function(arguments)
        return any(isinstance(one, Tensor) and type(one) not in (Tensor, nn.Parameter) for one in arguments)

    return asked
