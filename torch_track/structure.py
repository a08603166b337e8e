"""The tensors in what a module takes or returns."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def tensors_in(structure: Any) -> list[Tensor]:
    """Return the tensors of nested tuples, lists and mappings, in order."""
    if isinstance(structure, Tensor):
        return [structure]
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, list | tuple):
        return [tensor for part in structure for tensor in tensors_in(part)]
    return []
