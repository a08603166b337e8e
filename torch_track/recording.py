"""Records, for a while, what layers of a torch module compute: their values, or the weights of attention."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from twotrack.shared.axes.layout import Arrangements, ChannelLayout, Copies, canonical_shape, own_order
from twotrack.shared.spec.probe import LayerTrace, Replace, Visit, keep
from twotrack.torch_track import hyperparameters
from twotrack.torch_track.large_scores import LargeScores
from twotrack.torch_track.structure import all_given, tensors_in, values

Named = Callable[[str], str]
"""From a torch path to the canonical one."""


@contextmanager
def layers_recorded(
    module: nn.Module,
    named: Named,
    layout: ChannelLayout,
    visit: Visit,
    replace: Replace = keep,
    scores: LargeScores | None = None,
) -> Iterator[None]:
    """Let every layer show its calls, channels last, for a while; `visit` and `replace` as in Probe.visit.

    `scores` watches meanwhile, and begins anew behind what is replaced.
    """
    copies = Copies(values)

    def recording(path: str, name: str) -> Callable:
        return _recording(path, name, visit, layout, replace, copies, scores)

    handles = [
        layer.register_forward_hook(recording(path, name), with_kwargs=True)
        for name, path, layer in named_layers(module, named)
    ]
    with removed(handles):
        yield


def named_layers(module: nn.Module, named: Named) -> list[tuple[str, str, nn.Module]]:
    """Return the layers inside by canonical path, with torch's.

    A block that only wraps a layer may have the canonical path of that layer, as Keras has no such block. Then the path
    means the layer, which holds the weights.
    """
    layers = [(named(path), path, layer) for path, layer in module.named_modules() if path]
    owners = {name for name, _, layer in layers if _holds_weights(layer)}
    return [one for one in layers if one[0] not in owners or _holds_weights(one[2])]


def _holds_weights(layer: nn.Module) -> bool:
    return any(True for _ in layer.parameters(recurse=False))


def _recording(
    path: str,
    name: str,
    visit: Visit,
    layout: ChannelLayout,
    replace: Replace,
    copies: Copies,
    scores: LargeScores | None,
) -> Callable:
    calls = count()

    def record(layer: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> Any:
        number = next(calls)
        call = layout.layer(path, number)
        visit(
            LayerTrace(
                path=f"{name}#{number + 1}" if number else name,
                kind=type(layer).__name__,
                leaf=not any(layer.children()),
                hyperparameters=hyperparameters.of_layer(layer),
                inputs=copies.of(tensors_in(all_given(layer, args, kwargs)), call.inputs),
                outputs=copies.of(tensors_in(output), call.outputs),
                strained=scores.rows.copy() if scores else None,
            )
        )
        other = _replaced(output, name, replace, call.outputs)
        if scores and other is not None:
            scores.begin_anew()
        return other

    return record


def arrays(structure: Any) -> list[np.ndarray]:
    """Return copies of the tensors in a nested structure, in torch's order of axes."""
    return [values(tensor).copy() for tensor in tensors_in(structure)]


def _replaced(output: Any, path: str, replace: Replace, arrangements: Arrangements) -> Any:
    """Return what stands for a layer's output, or for the first of several; None if that is no tensor of numbers."""
    first, *rest = output if isinstance(output, tuple) else (output,)
    if not isinstance(first, Tensor) or not first.is_floating_point():
        return None
    other = replace(path, canonical_shape(tuple(first.shape), arrangements))
    if other is None:
        return None
    replacing = torch.empty_like(first)  # with the same strides: `view` works on it as on the output itself
    replacing.copy_(torch.from_numpy(own_order([other], arrangements[:1])[0]))
    return (replacing, *rest) if isinstance(output, tuple) else replacing


@contextmanager
def attention_recorded(module: nn.Module, named: Named) -> Iterator[dict[str, np.ndarray]]:
    """Let every attention layer compute its weights, head by head, and keep them under its path."""
    kept: dict[str, np.ndarray] = {}

    def ask(layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    def keep(path: str) -> Callable:
        return lambda layer, args, output: kept.update({named(path): output[1].cpu().numpy()})

    layers = [(path, layer) for path, layer in module.named_modules() if isinstance(layer, nn.MultiheadAttention)]
    handles = [layer.register_forward_pre_hook(ask, with_kwargs=True) for _, layer in layers]
    handles += [layer.register_forward_hook(keep(path)) for path, layer in layers]
    with removed(handles):
        yield kept


@contextmanager
def removed(handles: Sequence[RemovableHandle]) -> Iterator[None]:
    """Remove hooks afterwards."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class NoFunctionalDropout(TorchFunctionMode):
    """Turns torch.nn.functional.dropout, which no attribute controls, into the identity; keeps its rates."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") not in {"dropout", "alpha_dropout", "feature_alpha_dropout"}:
            return function(*args, **(kwargs or {}))
        given = dict(zip(("input", "p", "training"), args, strict=False)) | (kwargs or {})
        if given.get("training", True) and given.get("p", 0.5):
            self.rates.append(float(given.get("p", 0.5)))
        return given["input"]


def dropout_rates(module: nn.Module) -> dict[str, float]:
    """Return the rate of every layer that can drop, by torch path."""
    rates = {}
    for path, layer in module.named_modules():
        rate = getattr(layer, "p", None) if isinstance(layer, nn.modules.dropout._DropoutNd) else None
        rate = layer.dropout if isinstance(layer, nn.RNNBase | nn.MultiheadAttention) else rate
        if rate is not None:
            rates[path] = float(rate)
    return rates
