"""Records every function of Keras' backend that a model calls: what it is called, from where, with which values.

All that Keras computes goes through these functions: keras.ops, layers, activations. Operators between tensors are the
backend's own, and are recorded too. What a functional model computes between its layers was written where the model was
built: `places_noted` keeps that place for every operation that is made meanwhile.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import keras
import numpy as np
from keras.src import backend, ops
from keras.src.ops.operation import Operation

from twotrack.keras_track import weights
from twotrack.keras_track.primitives import replaced
from twotrack.keras_track.recording import as_array, tensors_in
from twotrack.keras_track.widening import is_frameworks
from twotrack.shared.base.code_places import place_in_code
from twotrack.shared.spec.operations import OperationRecorder, OperationsTrace
from twotrack.shared.spec.widening import LADDER

_ROOMS = ("nn", "numpy", "math", "linalg", "image", "core")
"""Modules of a backend whose functions compute."""
_SILENT = {
    "convert_to_numpy", "is_tensor", "shape", "compute_output_spec", "to_torch_dtype", "get_device", "result_type",
    "standardize_dtype", "floatx", "device_scope", "name_scope",
}  # fmt: skip
_OPERATORS = [
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
      for side in ("", "r")),
    "__neg__", "__abs__", "__getitem__",
]  # fmt: skip

_noted: dict[int, tuple[Any, str]] = {}
"""Where operations were made, by their id."""


@contextmanager
def places_noted() -> Iterator[None]:
    """Keep where operations are made inside the block; those that were kept before are forgotten."""
    original = Operation.__new__
    _noted.clear()

    def noting(kind: type, *args: Any, **kwargs: Any) -> Any:
        made = original(kind, *args, **kwargs)
        _noted[id(made)] = (made, place())
        return made

    with ExitStack() as stack:
        replaced(stack, Operation, "__new__", noting)
        yield


@contextmanager
def operations_recorded(model: keras.Model) -> Iterator[OperationRecorder]:
    """Record inside the block; places bear canonical paths."""
    recording = _Recording(OperationRecorder(as_array), {id(layer): path for path, layer in weights.layer_paths(model)})
    with ExitStack() as stack:
        replaced(stack, Operation, "__call__", recording.entering(Operation.__call__))
        for room, name, function in _functions():
            replaced(stack, room, name, recording.watched(name, function))
        kind = type(backend.convert_to_tensor(np.zeros(1)))
        for name in _OPERATORS:
            if operator := getattr(kind, name, None):
                _operator_replaced(stack, kind, name, recording.watched(name, operator))
        yield recording.recorder


def _functions() -> list[tuple[Any, str, Callable]]:
    """Return the functions of the backend, and those that keras.ops makes of them itself, with where they stand."""
    rooms = [(backend, False), *((getattr(backend, name), False) for name in _ROOMS)]
    rooms += [(getattr(ops, name), True) for name in _ROOMS]
    return [
        (room, name, function)
        for room, is_private in rooms
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if name.startswith("_") == is_private and name not in _SILENT
    ]


def _operator_replaced(stack: ExitStack, kind: type, name: str, value: Callable) -> None:
    """Give a class an operator for a while; one that it inherits is not left behind."""
    if name in vars(kind):
        replaced(stack, kind, name, value)
    else:
        setattr(kind, name, value)
        stack.callback(delattr, kind, name)


def finished(recorder: OperationRecorder, outputs: Any) -> OperationsTrace:
    """Return what was recorded of a pass that gave these outputs."""
    recorder.trace.outputs = [recorder.number(tensor) for tensor in tensors_in(outputs)]
    return recorder.trace


class _Recording:
    """One pass."""

    def __init__(self, recorder: OperationRecorder, paths: dict[int, str]):
        self.recorder, self._paths = recorder, paths
        self._open: list[Any] = []
        self._is_inside = False

    def entering(self, call: Callable) -> Callable:
        """Return `Operation.__call__` that says which operations are at work."""

        @wraps(call)
        def entered(operation: Any, *args: Any, **kwargs: Any) -> Any:
            self._open.append(operation)
            try:
                return call(operation, *args, **kwargs)
            finally:
                self._open.pop()

        return entered

    def watched(self, name: str, function: Callable) -> Callable:
        """Return a function of the backend that is recorded, unless another one calls it."""

        @wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            if self._is_inside:
                return function(*args, **kwargs)
            self._is_inside = True
            try:
                result = function(*args, **kwargs)
                self._keep(name, _tensors((args, kwargs)), _tensors(result))
            finally:
                self._is_inside = False
            return result

        return recorded

    def _keep(self, name: str, given: list[Any], made: list[Any]) -> None:
        if made:
            layer = next((self._paths[id(one)] for one in reversed(self._open) if id(one) in self._paths), "")
            self.recorder.add(name, self._where(), layer, given, made)

    def _where(self) -> str:
        """Return the place of a call: in code that runs, else where the innermost operation was made that is known."""
        known = (_noted[id(one)][1] for one in reversed(self._open) if id(one) in _noted)
        return place() or next(filter(None, known), "")


def _tensors(structure: Any) -> list[Any]:
    """Return tensors, and the tensors of variables."""
    leaves = keras.tree.flatten(structure)
    return [leaf.value if isinstance(leaf, keras.Variable) else leaf for leaf in leaves if _is_tensor(leaf)]


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, keras.Variable) or keras.ops.is_tensor(leaf)


def place() -> str:
    """Return where the code that is being run calls Keras; empty for Keras that goes through a functional model."""
    frame = sys._getframe(1)
    while frame is not None and is_frameworks(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith(LADDER):
            return ""
        frame = frame.f_back  # type: ignore[assignment]
    return place_in_code(frame.f_code.co_filename, frame.f_lineno) if frame else ""
