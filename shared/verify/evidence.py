"""What a worker showed, on its way to the parent: a folder with a JSON file, and an .npz file with the arrays.

Evidence is a dataclass with the configuration WITH_ARRAYS, of plain values, arrays, and lists, mappings and dataclasses
of these.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter

ARRAYS, VALUES = "arrays.npz", "values.json"
_ARRAY = "array"
"""The only key of the mapping that stands in the JSON file for an array; its value is the array's name."""

E = TypeVar("E")


def save(evidence: Any, folder: Path) -> Path:
    """Write evidence into a new folder, and return that."""
    arrays: dict[str, np.ndarray] = {}
    values = _without_arrays(evidence, arrays)
    folder.mkdir(parents=True)
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]  # NumPy's stubs give every name the type of `allow_pickle`
    (folder / VALUES).write_text(json.dumps(values))
    return folder


def load(kind: type[E], folder: Path) -> E:
    """Read what `save` wrote as an object of its class; ValidationError if it is of another."""
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        values = _with_arrays(json.loads((folder / VALUES).read_text()), arrays)
    return TypeAdapter(kind).validate_python(values)


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON has it; its arrays go to `arrays`, numbered."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {_ARRAY: name}
    if is_dataclass(value):
        return {field.name: _without_arrays(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _without_arrays(part, arrays) for name, part in value.items()}
    return [_without_arrays(part, arrays) for part in value] if isinstance(value, list | tuple | set) else value


def _with_arrays(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {name: _with_arrays(part, arrays) for name, part in value.items()}
    return [_with_arrays(part, arrays) for part in value] if isinstance(value, list) else value
