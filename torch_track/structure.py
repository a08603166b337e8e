"""The tensors in what a module takes or returns."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def leaves(structure: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Yield what nested tuples, lists, mappings, dataclasses and slices hold, but None, with the keys to it."""
    if isinstance(structure, slice):
        structure = [structure.start, structure.stop, structure.step]
    if isinstance(structure, Mapping):
        parts: Iterable[tuple[Any, Any]] = structure.items()
    elif is_dataclass(structure) and not isinstance(structure, type):
        parts = ((field.name, getattr(structure, field.name)) for field in fields(structure))
    elif isinstance(structure, list | tuple):
        parts = zip(getattr(structure, "_fields", range(len(structure))), structure, strict=True)
    else:
        if structure is not None:
            yield path, structure
        return
    for key, part in parts:
        yield from leaves(part, (*path, key))


def all_given(layer: nn.Module, args: tuple, kwargs: Mapping[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Return what a layer is called with; what is given by name stands in the order of the layer's signature."""
    order = list(inspect.signature(layer.forward).parameters) if kwargs else []
    by_place = sorted(kwargs, key=lambda name: order.index(name) if name in order else len(order))
    return args, {name: kwargs[name] for name in by_place}


def tensors_in(structure: Any) -> list[Tensor]:
    """Return the tensors of a nested structure, in order."""
    if isinstance(structure, Tensor):
        return [structure]
    return [leaf for _, leaf in leaves(structure) if isinstance(leaf, Tensor)]


def replaced(structure: Any, table: Mapping[int, Tensor]) -> Any:
    """Return the structure with other tensors in the place of those whose id `table` names."""
    return mapped(structure, lambda tensor: table.get(id(tensor), tensor))


def reordered(structure: Any, order: Sequence[int]) -> Any:
    """Return the structure whose first tensors are its own in another order: the new one i is the old one order[i]."""
    tensors = tensors_in(structure)
    moved = iter([*(tensors[number] for number in order), *tensors[len(order) :]])
    return mapped(structure, lambda _: next(moved))


def mapped(structure: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Return the structure with what a function makes of each of its tensors, in order."""
    if isinstance(structure, Tensor):
        return function(structure)
    if isinstance(structure, slice):
        return slice(*(mapped(part, function) for part in (structure.start, structure.stop, structure.step)))
    if isinstance(structure, dict):
        return {key: mapped(part, function) for key, part in structure.items()}
    if isinstance(structure, list | tuple):
        parts = [mapped(part, function) for part in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return structure


def values(tensor: Tensor) -> np.ndarray:
    """Return what a tensor holds, perhaps no copy; of bfloat16, which NumPy has not, as float32."""
    tensor = tensor.detach().cpu()
    array: np.ndarray = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array
