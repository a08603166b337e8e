"""A SavedModel in the C++ runtime that TensorFlow Serving is built on, through TensorFlow's C API.

The libraries come with the tensorflow wheel; TensorFlow's Python is not imported, so nothing that only Python
provides can make a model work here that would fail in the server. XLA is switched off, as the stock server does when
it starts.
"""

import ctypes
import os
from collections.abc import Mapping, Sequence
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from twotrack.shared.base.packages import folder_of
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.protos import protos

TAG = "serve"
NUMBERS = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
"""NumPy's type for each TF_DataType that a served model takes or gives, texts aside."""
TEXT = 7
TEXT_BYTES = 24
"""Size of a TF_TString."""


class ServingError(Exception):
    """The C++ runtime refused to load or to run a model; the message is its own."""


class _Buffer(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


class _Output(ctypes.Structure):
    _fields_ = [("operation", c_void_p), ("index", c_int)]


_SIGNATURES: Mapping[str, tuple[object, tuple[object, ...]]] = {
    "TF_NewStatus": (c_void_p, ()),
    "TF_DeleteStatus": (None, (c_void_p,)),
    "TF_GetCode": (c_int, (c_void_p,)),
    "TF_Message": (c_char_p, (c_void_p,)),
    "TF_NewGraph": (c_void_p, ()),
    "TF_DeleteGraph": (None, (c_void_p,)),
    "TF_NewSessionOptions": (c_void_p, ()),
    "TF_DeleteSessionOptions": (None, (c_void_p,)),
    "TF_NewBuffer": (POINTER(_Buffer), ()),
    "TF_DeleteBuffer": (None, (POINTER(_Buffer),)),
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        (c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, POINTER(_Buffer), c_void_p),
    ),
    "TF_CloseSession": (None, (c_void_p, c_void_p)),
    "TF_DeleteSession": (None, (c_void_p, c_void_p)),
    "TF_GraphOperationByName": (c_void_p, (c_void_p, c_char_p)),
    "TF_AllocateTensor": (c_void_p, (c_int, POINTER(c_int64), c_int, c_size_t)),
    "TF_DeleteTensor": (None, (c_void_p,)),
    "TF_TensorData": (c_void_p, (c_void_p,)),
    "TF_TensorType": (c_int, (c_void_p,)),
    "TF_NumDims": (c_int, (c_void_p,)),
    "TF_Dim": (c_int64, (c_void_p, c_int)),
    "TF_TensorByteSize": (c_size_t, (c_void_p,)),
    "TF_GetAllOpList": (POINTER(_Buffer), ()),
    "TF_StringInit": (None, (c_void_p,)),
    "TF_StringCopy": (None, (c_void_p, c_char_p, c_size_t)),
    "TF_StringGetDataPointer": (c_void_p, (c_void_p,)),
    "TF_StringGetSize": (c_size_t, (c_void_p,)),
    "TF_StringDealloc": (None, (c_void_p,)),
    "TF_SessionRun": (
        None,
        (
            c_void_p,
            c_void_p,
            POINTER(_Output),
            POINTER(c_void_p),
            c_int,
            POINTER(_Output),
            POINTER(c_void_p),
            c_int,
            POINTER(c_void_p),
            c_int,
            c_void_p,
            c_void_p,
        ),
    ),
}


@cache
def _library() -> ctypes.CDLL:
    """Load TensorFlow's C++ libraries, once, with XLA switched off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    folder = folder_of("tensorflow")
    if folder is None:
        raise UserError(
            "checking an export needs tensorflow, not installed here; run: "
            "pip install -c constraints.txt -e '.[tensorflow,export]'"
        )
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), mode=ctypes.RTLD_GLOBAL)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library["_ZN10tensorflow21DisableXlaCompilationEv"]()
    return library


def known_operations() -> frozenset[str]:
    """Return the names of all operations that the C++ libraries register."""
    library = _library()
    listed = library.TF_GetAllOpList()
    try:
        content = ctypes.string_at(listed.contents.data, listed.contents.length)
    finally:
        library.TF_DeleteBuffer(listed)
    return frozenset(operation.name for operation in protos().op_def_pb2.OpList.FromString(content).op)


@dataclass(frozen=True)
class TensorPlace:
    """A tensor of the graph: the operation that makes it and which of its outputs it is."""

    operation: str
    index: int

    @classmethod
    def parse(cls, name: str) -> "TensorPlace":
        """Read TensorFlow's own form, `operation:index`."""
        operation, _, index = name.partition(":")
        return cls(operation, int(index or 0))


class LoadedModel:
    """A SavedModel, loaded; leaving the block frees it.

    Raises ServingError if the runtime does not load it.
    """

    def __init__(self, folder: Path):
        self._tf = _library()
        self._status = self._tf.TF_NewStatus()
        self._graph = self._tf.TF_NewGraph()
        self._session = self._load(folder)

    def _load(self, folder: Path) -> int:
        options = self._tf.TF_NewSessionOptions()
        tags = (c_char_p * 1)(TAG.encode())
        try:
            session = self._tf.TF_LoadSessionFromSavedModel(
                options, None, str(folder).encode(), tags, 1, self._graph, None, self._status
            )
            self._check()
        finally:
            self._tf.TF_DeleteSessionOptions(options)
        return session

    def __enter__(self) -> "LoadedModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free it."""
        self._tf.TF_CloseSession(self._session, self._status)
        self._tf.TF_DeleteSession(self._session, self._status)
        self._tf.TF_DeleteGraph(self._graph)
        self._tf.TF_DeleteStatus(self._status)

    def run(self, inputs: Mapping[TensorPlace, np.ndarray], outputs: Sequence[TensorPlace]) -> list[np.ndarray]:
        """Return the outputs, in their order; ServingError with the runtime's own message if it refuses."""
        given = [self._tensor(array) for array in inputs.values()]
        results = (c_void_p * len(outputs))()
        try:
            self._tf.TF_SessionRun(
                self._session,
                None,
                self._places(list(inputs)),
                (c_void_p * len(given))(*given),
                len(given),
                self._places(outputs),
                results,
                len(outputs),
                None,
                0,
                None,
                self._status,
            )
            self._check()
            return [self._array(tensor) for tensor in results if tensor]
        finally:
            for tensor in [*given, *(result for result in results if result)]:
                self._tf.TF_DeleteTensor(tensor)

    def _places(self, places: Sequence[TensorPlace]) -> ctypes.Array:
        return (_Output * len(places))(*(_Output(self._operation(place), place.index) for place in places))

    def _operation(self, place: TensorPlace) -> int:
        operation = self._tf.TF_GraphOperationByName(self._graph, place.operation.encode())
        if not operation:
            raise ServingError(f"the graph has no operation '{place.operation}'")
        return operation

    def _tensor(self, array: np.ndarray) -> int:
        """Copy an array into a new tensor; strings are arrays of bytes objects."""
        shape = (c_int64 * array.ndim)(*array.shape)
        if array.dtype == object:
            return self._string_tensor(array, shape)
        plain = np.ascontiguousarray(array)
        tensor = self._tf.TF_AllocateTensor(_data_type(plain), shape, plain.ndim, plain.nbytes)
        ctypes.memmove(self._tf.TF_TensorData(tensor), plain.ctypes.data, plain.nbytes)
        return tensor

    def _string_tensor(self, array: np.ndarray, shape: ctypes.Array) -> int:
        tensor = self._tf.TF_AllocateTensor(TEXT, shape, array.ndim, TEXT_BYTES * array.size)
        start = self._tf.TF_TensorData(tensor)
        for number, text in enumerate(array.ravel()):
            place = start + TEXT_BYTES * number
            self._tf.TF_StringInit(place)
            self._tf.TF_StringCopy(place, text, len(text))
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(self._tf.TF_NumDims(tensor))]
        kind, start = self._tf.TF_TensorType(tensor), self._tf.TF_TensorData(tensor)
        if kind == TEXT:
            places = [start + TEXT_BYTES * number for number in range(int(np.prod(shape)))]
            texts = [
                ctypes.string_at(self._tf.TF_StringGetDataPointer(place), self._tf.TF_StringGetSize(place))
                for place in places
            ]
            return np.array(texts, object).reshape(shape)
        content = ctypes.string_at(start, self._tf.TF_TensorByteSize(tensor))
        return np.frombuffer(content, NUMBERS[kind]).reshape(shape)

    def _check(self) -> None:
        if self._tf.TF_GetCode(self._status):
            raise ServingError(self._tf.TF_Message(self._status).decode(errors="replace"))


def _data_type(array: np.ndarray) -> int:
    """Return the number of an array's TF_DataType; ServingError if no served model takes it."""
    for number, kind in NUMBERS.items():
        if array.dtype == kind:
            return number
    raise ServingError(f"no model takes {array.dtype}")
