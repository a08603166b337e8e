"""NumPy inputs by name in the types and in the form that a keras.Model takes."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import keras
import numpy as np

from twotrack.shared.spec.inputs import Input, example


def cast(arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Input]) -> dict[str, np.ndarray]:
    """Return arrays (batch, ...) by input name, in the order of `inputs`; numbers in Keras' floatx."""
    types = {"real": keras.config.floatx(), "tokens": "int32", "mask": "bool"}
    return {name: arrays[name].astype(types[spec.kind], copy=False) for name, spec in inputs.items()}


def stated_rows(model: keras.Model) -> int | None:
    """Return how many rows the model's Input layers say that a batch has; None if they leave it open."""
    stated = (tensor.shape[0] for tensor in getattr(model, "inputs", None) or [])
    return next((rows for rows in stated if rows), None)


def given_example(model: keras.Model, inputs: Mapping[str, Input], rows: int | None = None) -> Any:
    """Return a batch of zeros that the model takes, of as many rows as it states unless `rows` says otherwise."""
    return arranged(model, inputs, example(inputs, rows or stated_rows(model) or 2))


_by_name: "WeakSet[keras.Model]" = WeakSet()
"""Models without Input layers whose `call` takes several inputs by name."""


def takes_names(model: keras.Model) -> None:
    """Give a model without Input layers its several inputs by name from now on."""
    _by_name.add(model)


def arrange(model: keras.Model, arrays: Mapping[str, Any]) -> Any:
    """Give a single input as it is; several by name if the model names them so, else as a list in their order."""
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    names = {tensor.name for tensor in getattr(model, "inputs", None) or []}  # a subclassed model names none
    return dict(arrays) if names == set(arrays) or model in _by_name else list(arrays.values())


def arranged(model: keras.Model, inputs: Mapping[str, Input], arrays: Mapping[str, np.ndarray]) -> Any:
    """Return arrays by input name in the types and in the form that the model takes."""
    return arrange(model, cast(arrays, inputs))
