"""A .safetensors file whose tensors are written one by one, straight into the file: memory holds one at a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from twotrack.shared.errors import UserError

TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""NumPy's name of a type to that in the file."""
METADATA = "__metadata__"
"""What is no tensor in a file's header."""
_LENGTH = 8
"""Bytes in front of the header that say how long it is."""


class Tensor(NamedTuple):
    """What a file says of a tensor."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return int(np.prod(self.shape, dtype=int)) * self.dtype.itemsize


def create(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Make a file of zeros; return its tensors by name, which are written by writing into the arrays."""
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {METADATA: dict(metadata)}
    ends = [0]
    for name in order:
        dtype, shape = tensors[name]
        ends.append(ends[-1] + tensors[name].bytes)
        header[name] = {"dtype": TYPES[dtype.name], "shape": list(shape), "data_offsets": ends[-2:]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _LENGTH)  # so that tensors are aligned
    with path.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH, "little") + text)
        file.truncate(_LENGTH + len(text) + ends[-1])
    return _mapped(path, _LENGTH + len(text), tensors, dict(zip(order, ends[:-1], strict=True)))


def opened(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file that `create` has made, by name, as they lie in it."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        header = {name: told for name, told in json.loads(file.read(length)).items() if name != METADATA}
    types = {name: np.dtype(own) for own, name in TYPES.items()}
    tensors = {name: Tensor(types[told["dtype"]], tuple(told["shape"])) for name, told in header.items()}
    return _mapped(path, _LENGTH + length, tensors, {name: told["data_offsets"][0] for name, told in header.items()})


def _mapped(path: Path, start: int, tensors: Mapping[str, Tensor], offsets: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return tensors as arrays that lie in a file, whose values begin at `start`."""
    if path.stat().st_size == start:
        return {name: np.zeros(tensors[name].shape, tensors[name].dtype) for name in offsets}
    data = np.memmap(path, np.uint8, "r+", start)
    return {
        name: data[offset : offset + tensors[name].bytes].view(tensors[name].dtype).reshape(tensors[name].shape)
        for name, offset in offsets.items()
    }


def require_finite(name: str, array: np.ndarray, source: str) -> None:
    """Raise UserError for a weight with NaN or infinity."""
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise UserError(f"{source}: '{name}' has NaN or infinity; expected finite weights: save them again.")
