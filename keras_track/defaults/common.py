"""What several files of this folder need: layers applied to arrays, gradients, and layers set to Keras' default."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops


def to_numpy(tensor: Any) -> np.ndarray:
    """Return a copy of a tensor of any backend."""
    return np.array(ops.convert_to_numpy(tensor))


def apply(layer: Callable[..., Any], array: np.ndarray, **options: Any) -> np.ndarray:
    """Return what a layer or function makes of an array."""
    return to_numpy(layer(ops.convert_to_tensor(array), **options))


def gradient_of(function: Callable[[Any], Any], at: np.ndarray) -> np.ndarray:
    """Return the gradient of the sum of a function's outputs, on whichever backend."""
    x = ops.convert_to_tensor(at)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(function(x))
        return to_numpy(tensorflow.convert_to_tensor(tape.gradient(total, x)))
    if keras.backend.backend() == "jax":
        import jax

        return to_numpy(jax.grad(lambda x: ops.sum(function(x)))(x))
    x.requires_grad_()
    ops.sum(function(x)).backward()
    return to_numpy(x.grad)


def set_default(model: keras.Model, kind: type[layers.Layer], name: str) -> bool:
    """Give a model's layers of a class Keras' default of a hyperparameter; tell whether one had something else."""
    default = getattr(kind(), name)
    others = [layer for layer in layers_of(model, kind) if getattr(layer, name) != default]
    for layer in others:
        setattr(layer, name, default)
    return bool(others)


def layers_of(model: keras.Model, kind: type[layers.Layer]) -> list[layers.Layer]:
    """Return a model's layers of a class, inner ones too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]
