"""The tensors in what a module takes or returns."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def tensors_in(structure: Any) -> list[Tensor]:
    """Return the tensors of nested tuples, lists, mappings and slices, in order."""
    if isinstance(structure, Tensor):
        return [structure]
    if isinstance(structure, slice):
        structure = [structure.start, structure.stop, structure.step]
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, list | tuple):
        return [tensor for part in structure for tensor in tensors_in(part)]
    return []


def replaced(structure: Any, table: Mapping[int, Tensor]) -> Any:
    """Return the structure with other tensors in the place of those whose id `table` names."""
    if isinstance(structure, Tensor):
        return table.get(id(structure), structure)
    if isinstance(structure, slice):
        return slice(*(replaced(part, table) for part in (structure.start, structure.stop, structure.step)))
    if isinstance(structure, dict):
        return {key: replaced(part, table) for key, part in structure.items()}
    if isinstance(structure, list | tuple):
        parts = [replaced(part, table) for part in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return structure
