"""What a worker showed, on its way to the parent: a folder with a JSON file, and one file with all arrays.

Evidence is a dataclass with the configuration WITH_ARRAYS, of plain values, arrays, and lists, mappings and dataclasses
of these. Arrays are mapped into memory, not read: whoever compares two sides holds what it looks at, whatever the size
of the models.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from pydantic import TypeAdapter

ARRAYS, VALUES = "arrays.bin", "values.json"
_ARRAY = "__array__"
"""The only key of the mapping that stands in the JSON file for an array: offset in bytes, type and shape."""
_ALIGNMENT = 64
"""Bytes; of where an array begins."""

E = TypeVar("E")
_adapter: Callable[[type], TypeAdapter] = cache(TypeAdapter)
"""What checks objects of a class, made once: that takes longer than all that it checks in one climb."""


def save(evidence: Any, folder: Path) -> Path:
    """Write evidence into a new folder, and return that."""
    folder.mkdir(parents=True)
    with (folder / ARRAYS).open("wb") as arrays:
        values = _without_arrays(evidence, arrays, {})
        arrays.write(bytes(1))  # an empty file cannot be mapped
    (folder / VALUES).write_text(json.dumps(values))
    return folder


def load(kind: type[E], folder: Path) -> E:
    """Return what `save` wrote as an object of its class, arrays read-only; ValidationError if it is of another."""
    arrays = np.asarray(np.memmap(folder / ARRAYS, np.uint8, "r"))
    values = _with_arrays(json.loads((folder / VALUES).read_text()), arrays)
    found: E = _adapter(kind).validate_python(values)
    return found


def _without_arrays(value: Any, arrays: BinaryIO, written: dict[int, int]) -> Any:
    """Return a value as JSON has it; its arrays are added to the file, each once: what a layer gives the next takes.

    `written` says where, by the identity of arrays.
    """
    if isinstance(value, np.ndarray):
        if id(value) not in written:
            written[id(value)] = _append(value, arrays)
        return {_ARRAY: [written[id(value)], value.dtype.str, value.shape]}
    if is_dataclass(value):
        return {field.name: _without_arrays(getattr(value, field.name), arrays, written) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _without_arrays(part, arrays, written) for name, part in value.items()}
    return (
        [_without_arrays(part, arrays, written) for part in value] if isinstance(value, list | tuple | set) else value
    )


def _append(array: np.ndarray, arrays: BinaryIO) -> int:
    """Write an array's bytes, in C order, at the file's end; return where they begin."""
    arrays.write(bytes(-arrays.tell() % _ALIGNMENT))
    offset = arrays.tell()
    arrays.write(np.ascontiguousarray(array).data)
    return offset


def _with_arrays(value: Any, arrays: np.ndarray) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return _slice(arrays, *value[_ARRAY])
        return {name: _with_arrays(part, arrays) for name, part in value.items()}
    return [_with_arrays(part, arrays) for part in value] if isinstance(value, list) else value


def _slice(arrays: np.ndarray, offset: int, kind: str, shape: list[int]) -> np.ndarray:
    dtype = np.dtype(kind)
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    return arrays[offset : offset + size].view(dtype).reshape(shape)
