"""Hyperparameters of Keras layers under the names that both frameworks' layers are compared by."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from twotrack.shared.spec.objective import Objective, stated

_SAME_NAMES = (
    "epsilon", "momentum", "negative_slope", "groups", "num_heads", "use_bias", "rate", "padding",
    "strides", "reset_after", "recurrent_dropout", "mask_zero", "mask_value", "stddev", "axis",
)  # fmt: skip
_RENAMED = {"pool_size": "kernel_size", "kernel_size": "kernel_size", "dilation_rate": "dilation"}


def of_layer(layer: keras.layers.Layer) -> dict[str, Any]:
    """Return JSON-ready hyperparameters of a layer."""
    hyperparameters = {name: getattr(layer, name) for name in _SAME_NAMES if hasattr(layer, name)}
    hyperparameters |= {
        shared_name: getattr(layer, keras_name)
        for keras_name, shared_name in _RENAMED.items()
        if hasattr(layer, keras_name)
    }
    activation = getattr(layer, "activation", None)
    if callable(activation):
        hyperparameters["activation"] = getattr(activation, "__name__", type(activation).__name__)
        if hyperparameters["activation"] in {"gelu", "gelu_tanh"}:  # the latter of twotrack.keras_track.layers
            hyperparameters["approximate"] = _gelu_is_approximate(layer)
    gate = getattr(layer, "recurrent_activation", None)
    if callable(gate):
        hyperparameters["recurrent_activation"] = getattr(gate, "__name__", type(gate).__name__)
    if isinstance(layer, layers.Bidirectional):
        hyperparameters |= of_layer(layer.forward_layer)
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        hyperparameters["count_include_pad"] = False
    return {name: _plain(value) for name, value in hyperparameters.items() if _plain(value) is not None}


def _gelu_is_approximate(layer: keras.layers.Layer) -> bool:
    """Ask the activation itself: keras.activations.gelu has approximate=False unless it is told otherwise."""
    import numpy as np

    value = float(np.asarray(keras.ops.convert_to_numpy(layer.activation(np.ones(1, "float32"))))[0])
    return abs(value - 0.8411920) < abs(value - 0.8413447)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [int(element) for element in value] if all(isinstance(element, int) for element in value) else None
    return value if isinstance(value, bool | int | float | str) else None


def of_loss(loss: Objective, make_loss: Callable[[], keras.losses.Loss]) -> dict[str, Any]:
    """Return what the loss expects and does; `make_loss` returns it as an object of Keras."""
    if told := stated(loss, is_torch=False):
        return told
    made = make_loss()
    config = made.get_config() if isinstance(made, keras.losses.Loss) else {}  # Keras takes lists and functions too
    return {
        "kind": type(made).__name__,
        "from_logits": bool(config.get("from_logits", False)),
        "label_smoothing": float(config.get("label_smoothing", 0.0)),
    }


def of_optimizer(optimizer: keras.optimizers.Optimizer, custom: bool) -> dict[str, Any]:
    """Return the optimizer's hyperparameters; of a user's own, with the learning rate at this step."""
    values = {"kind": type(optimizer).__name__, "weight_decay": float(optimizer.weight_decay or 0.0)}
    names = ("epsilon", "momentum", "rho", "beta_1", "beta_2", "gamma", "interval")
    stated = {name: getattr(optimizer, name, None) for name in names}
    values |= {name: float(value) for name, value in stated.items() if isinstance(value, int | float)}
    if custom:
        values["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        values["decoupled_weight_decay"] = True
    return values
