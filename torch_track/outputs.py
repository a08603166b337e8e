"""What a torch module takes by keyword and gives by name, in the plain form that the track works with.

A module that needs it gets a class of its own, derived from its class: all that looks at it sees tensors in a list.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.outputs import Outputs, named, pick
from twotrack.torch_track.structure import leaves


def outputs_of(structure: Any) -> Outputs:
    """Return what a module gave, by name; None is left out."""
    found = list(leaves(structure))
    others = [f"{named(path)} ({type(leaf).__name__})" for path, leaf in found if not isinstance(leaf, Tensor)]
    is_flat = isinstance(structure, list | tuple) and not hasattr(structure, "_fields")
    is_plain = isinstance(structure, Tensor) or (is_flat and all(len(path) == 1 for path, _ in found))
    return Outputs(tuple(named(path) for path, leaf in found if isinstance(leaf, Tensor)), is_plain, tuple(others))


@contextmanager
def outputs_seen(module: nn.Module) -> Iterator[list[Outputs]]:
    """Keep what the module gives meanwhile."""
    seen: list[Outputs] = []
    handle = module.register_forward_hook(lambda module, args, given: seen.append(outputs_of(given)))
    try:
        yield seen
    finally:
        handle.remove()


def adapted(module: nn.Module, inputs: Mapping[str, Input], wanted: Sequence[str]) -> nn.Module:
    """Return the module, taking its inputs in their order and giving the `wanted` outputs in theirs; all for none."""
    keywords, own = _keywords(module, inputs), type(module)
    if not keywords and not wanted:
        return module

    def forward(self: nn.Module, *tensors: Tensor) -> Any:
        given: dict[str, Any] = dict(zip(keywords, tensors, strict=True)) if keywords else {}
        made = own.forward(self, *(() if keywords else tensors), **given)
        if not wanted:
            return made
        return pick({named(path): leaf for path, leaf in leaves(made) if isinstance(leaf, Tensor)}, wanted, "torch")

    module.__class__ = type(own.__name__, (own,), {"forward": forward, "__module__": own.__module__})
    return module


def _keywords(module: nn.Module, inputs: Mapping[str, Input]) -> list[str]:
    """Return what forward calls the inputs, unless it takes them in their order anyway, or by other names."""
    names = [spec.torch_name or name for name, spec in inputs.items()]
    parameters = inspect.signature(module.forward).parameters
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    in_order = [name for name, parameter in parameters.items() if parameter.kind in by_place]
    by_name = {name for name, parameter in parameters.items() if parameter.kind is not inspect.Parameter.VAR_POSITIONAL}
    return [] if in_order[: len(names)] == names or not by_name.issuperset(names) else names
