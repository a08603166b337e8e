"""Tensors as messages: NumPy arrays to TensorProto and back. Texts are arrays of bytes objects."""

from typing import Any

import numpy as np

from shared.serving.protos import message

NUMBERS = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
"""NumPy's type for each DataType that a served model takes or gives, texts aside."""
TEXT = 7
_VALUES = {1: "float_val", 2: "double_val", 3: "int_val", 4: "int_val", 9: "int64_val", 10: "bool_val"}
"""The field that holds single values instead of bytes."""


def data_type(array: np.ndarray) -> int:
    """Return the number of an array's DataType."""
    if array.dtype == object:
        return TEXT
    return next(number for number, kind in NUMBERS.items() if array.dtype == kind)


def to_message(array: np.ndarray) -> Any:
    """Return the array as a TensorProto."""
    made = message("Tensor")(dtype=data_type(array))
    for size in array.shape:
        made.tensor_shape.dim.add(size=size)
    if array.dtype == object:
        made.string_val.extend(array.ravel().tolist())
    else:
        made.tensor_content = np.ascontiguousarray(array).tobytes()
    return made


def from_message(tensor: Any) -> np.ndarray:
    """Return a TensorProto as an array; ValueError if it holds another number of values than its shape says."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == TEXT:
        return np.array([*tensor.string_val], object).reshape(shape)
    if tensor.dtype not in NUMBERS:
        raise ValueError(f"a tensor of type {tensor.dtype}")
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, NUMBERS[tensor.dtype]).reshape(shape)
    values = np.array(getattr(tensor, _VALUES[tensor.dtype]), NUMBERS[tensor.dtype])
    return (np.broadcast_to(values, shape) if values.size == 1 else values.reshape(shape)).copy()
