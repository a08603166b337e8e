"""In float64 nothing that a Keras model asks for is narrower: every request for float32, or for less, is for float64.

Keras reads every type that it is given in one table, so that this is the one place. Types of tensors that exist are
told as they are; so are constants, such as the smallest float32 in a mask, whole numbers and booleans. What a layer
asks of TensorFlow, JAX or PyTorch itself is not seen.
"""

from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np
from keras.src import backend

from twotrack.shared.base.code_places import is_pythons
from twotrack.shared.spec import widening
from twotrack.shared.spec.widening import NarrowRequest, Requests

WIDER = {
    "float32": "float64",
    "float16": "float64",
    "bfloat16": "float64",
    "complex64": "complex128",
}
KINDS: dict[Any, str] = {float: "float64", complex: "complex128", np.float32: "float64", np.float16: "float64"}
"""What Python's and NumPy's own types mean: no request for anything narrow."""
_CASTS = {"cast", "saturate_cast", "convert_to_tensor"}
_POLICIES = {*WIDER, "mixed_float16", "mixed_bfloat16"}

_SOURCE = f"{Path(keras.src.__file__).parent}/"
_INSTALLED = Path(keras.__file__).parents[1]
_OWN = (
    *(f"{_INSTALLED / package}/" for package in ("keras", "torch", "tensorflow", "jax", "jaxlib", "optree")),
    *(f"{folder}/" for folder in (Path(__file__).parent, widening.SHARED)),
)
_OF_LAYERS = tuple(f"{_SOURCE}{part}/" for part in ("layers", "losses", "metrics", "models", "optimizers", "trainers"))


class TypeTable(dict):
    """What Keras reads types in, in float64; keeps who asks."""

    def __init__(self, own: dict):
        super().__init__(own | KINDS)
        self.requests = Requests(is_frameworks, keras.layers.Layer, lambda file: file.startswith(_OF_LAYERS))

    def get(self, dtype: Any, default: Any = None) -> Any:
        """Return what a type means; `default` for one that means itself."""
        if type(dtype) is str and dtype in WIDER:
            self.requests.note(dtype, _rounds)
            return WIDER[dtype]
        return super().get(dtype, default)


def _rounds(frame: FrameType) -> bool:
    """Tell whether a function of Keras is a cast of numbers that need not be whole."""
    given = frame.f_locals.get("x") if frame.f_code.co_name in _CASTS else None
    return given is not None and "float" in str(getattr(given, "dtype", ""))


def is_frameworks(file: str) -> bool:
    """Tell whether code is Keras', its backend's or twotrack's own, by the path of its file."""
    return file.startswith(_OWN) or is_pythons(file)


class WidePolicy(keras.DTypePolicy):
    """float64 in place of the narrower policy that a layer asks for."""

    def __init__(self, asked: str):
        super().__init__("float64")
        self.asked = asked
        """Name of the policy."""


def widened(policy: Any) -> Any:
    """Return a layer's policy, with float64 where it asks for less."""
    return WidePolicy(policy.name) if policy.name in _POLICIES else policy


def asked_by_policy(layers: dict[str, keras.Layer]) -> dict[str, str]:
    """Return, by path, the name of the policy that a layer was built with, where that asks for less than float64."""
    policies = {path: layer.dtype_policy for path, layer in layers.items()}
    return {path: policy.asked for path, policy in policies.items() if isinstance(policy, WidePolicy)}


def asked(layers: dict[str, keras.Layer]) -> list[NarrowRequest]:
    """Return the requests for a narrower precision since float64 was set; none in float32."""
    table = backend.common.dtypes.PYTHON_DTYPES_MAP
    paths = {id(layer): path for path, layer in layers.items()}
    return table.requests.of(paths) if isinstance(table, TypeTable) else []
