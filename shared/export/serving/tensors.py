"""Arrays as TensorProto and back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.signature import DTYPES, STRING

FIELDS = {
    "bool": "bool_val",
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    STRING: "string_val",
}
"""Field that holds values of a type; those of other types are in `int_val`."""
LARGEST = 2**28
"""Values of one answer; a few bytes can claim to stand for any number."""
_NAMES = {name: dtype for dtype, name in DTYPES.items()}


def to_proto(array: np.ndarray) -> Any:
    """Return the array (any shape) as a TensorProto; objects are bytes."""
    messages = protos()
    name = STRING if array.dtype == object else array.dtype.name
    tensor = messages.tensor_pb2.TensorProto(dtype=messages.types_pb2.DataType.Value(_NAMES[name]))
    for length in array.shape:
        tensor.tensor_shape.dim.add(size=length)
    if name == STRING:
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return tensor


def from_proto(tensor: Any) -> np.ndarray:
    """Return the array that a TensorProto holds; UserError if it holds no whole one."""
    kind = protos().types_pb2.DataType.Name(tensor.dtype)
    name = DTYPES.get(kind)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if name is None or min(shape, default=0) < 0:
        raise UserError(f"the server answered with a tensor of type {kind} and shape {shape}, which cannot be read.")
    dtype = object if name == STRING else np.dtype(name)
    size = math.prod(shape)
    if size > LARGEST:
        raise UserError(f"the server answered with a tensor of {size:,} values; expected at most {LARGEST:,}.")
    if tensor.tensor_content:
        values = _content(tensor.tensor_content, np.dtype(dtype))
    else:
        values = _repeated(getattr(tensor, FIELDS.get(name, "int_val")), size, dtype)
    if len(values) != size:
        raise UserError(f"the server answered with {len(values):,} values for the shape {shape}; ask it again.")
    return values.reshape(shape).astype(dtype)


def read_all(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return every output as an array."""
    return {name: from_proto(tensor) for name, tensor in sorted(outputs.items())}


def _content(content: bytes, dtype: np.dtype) -> np.ndarray:
    """Return the values of a number type; none if the bytes hold no whole ones."""
    if dtype.kind == "O" or len(content) % dtype.itemsize:
        return np.empty(0)
    return np.frombuffer(content, dtype.newbyteorder("<"))


def _repeated(values: Any, size: int, dtype: Any) -> np.ndarray:
    """Return the values; TensorFlow leaves out those at the end that equal the last one, or all that are zero."""
    if not values:
        return np.full(size, b"" if dtype is object else 0, dtype)
    array = np.empty(len(values), dtype)
    array[:] = list(values)
    missing = max(size - len(array), 0)
    return np.concatenate([array, np.repeat(array[-1:], missing)])
