"""Values of any origin as arrays of the type and shape that the server expects, or a message that says why not.

Strings are bytes in arrays of objects, as they travel.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.export.serving.signature import STRING, Signature, Tensor, shape_text

KINDS = {"b": "true or false", "i": "whole numbers", "u": "whole numbers", "f": "numbers", "U": "texts", "S": "texts"}
ACCEPTED = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}
"""Kinds of NumPy types that go into a kind, as far as the values fit."""


def checked(values: Mapping[str, Any], signature: Signature, place: str) -> dict[str, np.ndarray]:
    """Return all inputs of a signature as arrays (batch, ...) with one batch size; UserError if they are not.

    `place` begins the message: the file, for example. A value is an array, or nested lists as JSON has them.
    """
    _check_names(values, signature, place)
    arrays = {name: as_array(values[name], tensor, f"{place}: {name}") for name, tensor in signature.inputs.items()}
    sizes = {name: array.shape[0] if array.ndim else 1 for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise UserError(f"{place}: expected as many examples in every input, found: {listed}.")
    if 0 in sizes.values():
        raise UserError(f"{place}: expected at least one example, found none.")
    return arrays


def as_array(value: Any, tensor: Tensor, place: str) -> np.ndarray:
    """Return the value with the type and shape of `tensor`; UserError, which begins with `place`, if it has others."""
    if tensor.dtype != STRING and tensor.dtype not in np.sctypeDict:
        raise UserError(f"{place} is of type {tensor.dtype}, which this command cannot send; use a client of your own.")
    array = _strings(value, place) if tensor.dtype == STRING else _numbers(value, tensor, place)
    if not tensor.fits(array.shape):
        raise UserError(f"{place}: expected {tensor}, found the shape {_actual_shape(array.shape)}.")
    return array


def as_values(array: np.ndarray, name: str) -> Any:
    """Return nested lists as the server's JSON has them: bytes of names that end in _bytes as {"b64": ...}.

    A float32 becomes the shortest decimal number that stands for it.
    """
    if array.dtype == object:
        return _each(array.tolist(), lambda text: _text(text, name))
    if array.dtype == np.float32:
        return _each(array.astype(str).astype(object).tolist(), float)
    return array.tolist()


def _check_names(values: Mapping[str, Any], signature: Signature, place: str) -> None:
    for name in values:
        if name not in signature.inputs:
            raise unknown("input", name, signature.inputs, f"({place}; the signature {signature}.)")
    missing = [f"{name} {tensor}" for name, tensor in signature.inputs.items() if name not in values]
    if missing:
        raise UserError(f"{place}: the signature '{signature.name}' expects these inputs too: {', '.join(missing)}.")


def _numbers(value: Any, tensor: Tensor, place: str) -> np.ndarray:
    dtype = np.dtype(tensor.dtype)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise UserError(f"{place}: expected {tensor}, found lists of different lengths.") from error
    if array.size == 0:
        return array.astype(dtype)
    if array.dtype.kind not in ACCEPTED[dtype.kind]:
        actual = KINDS.get(array.dtype.kind, "something else")
        raise UserError(f"{place}: expected {KINDS[dtype.kind]} ({tensor}), found {actual} ({_shown(array)}).")
    return _cast(array, dtype, tensor, place)


def _cast(array: np.ndarray, dtype: np.dtype, tensor: Tensor, place: str) -> np.ndarray:
    """Return the array in another type; UserError for a value that is not in it."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        outside = (array < limits.min) | (array > limits.max)
    else:
        with np.errstate(over="ignore"):
            outside = np.isfinite(array) & ~np.isfinite(array.astype(dtype))
    if outside.any():
        raise UserError(f"{place}: expected {tensor}, found {array[outside].flat[0]}, which does not fit into it.")
    return array.astype(dtype)


def _strings(value: Any, place: str) -> np.ndarray:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    shape = _shape(value)
    leaves: list[bytes] = []
    _collect(value, shape, leaves, place)
    array = np.empty(len(leaves), object)
    array[:] = leaves
    return array.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape that nested lists have if they have one, from their first elements."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _collect(value: Any, shape: tuple[int, ...], leaves: list[bytes], place: str) -> None:
    if not shape:
        leaves.append(_bytes(value, place))
    elif isinstance(value, list) and len(value) == shape[0]:
        for element in value:
            _collect(element, shape[1:], leaves, place)
    else:
        raise UserError(f"{place}: expected texts in lists of one length, found lists of different lengths.")


def _bytes(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise UserError(f"{place}: expected base64 after 'b64', found something else ({error}).") from error
    raise UserError(f'{place}: expected a text or {{"b64": "..."}}, found {str(value)[:60]!r}.')


def _text(text: bytes, name: str) -> Any:
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(text).decode()}
    return text.decode(errors="replace")


def _each(value: Any, change: Any) -> Any:
    return [_each(element, change) for element in value] if isinstance(value, list) else change(value)


def _actual_shape(shape: tuple[int, ...]) -> str:
    return shape_text(shape) if shape else "() of a single value"


def _shown(array: np.ndarray) -> str:
    return repr(array.flat[0].item() if array.dtype != object else array.flat[0])[:60]
