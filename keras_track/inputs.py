"""NumPy inputs by name in the types and in the form that a keras.Model takes."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from twotrack.shared.spec.inputs import Input


def cast(arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Input]) -> dict[str, np.ndarray]:
    """Return arrays (batch, ...) by input name, in the order of `inputs`; numbers in Keras' floatx."""
    types = {"real": keras.config.floatx(), "tokens": "int32", "mask": "bool"}
    return {name: arrays[name].astype(types[spec.kind], copy=False) for name, spec in inputs.items()}


def arrange(model: keras.Model, arrays: Mapping[str, Any]) -> Any:
    """Give a single input as it is; several by name if the model names them so, else as a list in their order."""
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    names = {tensor.name for tensor in getattr(model, "inputs", None) or []}  # a subclassed model names none
    return dict(arrays) if names == set(arrays) else list(arrays.values())


def arranged(model: keras.Model, inputs: Mapping[str, Input], arrays: Mapping[str, np.ndarray]) -> Any:
    """Return arrays by input name in the types and in the form that the model takes."""
    return arrange(model, cast(arrays, inputs))
