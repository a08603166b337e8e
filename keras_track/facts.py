"""Hyperparameters of Keras layers under the names that both frameworks' layers are compared by."""

from typing import Any

import keras
from keras import layers

from twotrack.shared.errors import as_user_error
from twotrack.shared.verify.pair import CustomLoss, CustomOptimizer, Pair

_SAME_NAMES = (
    "epsilon", "momentum", "negative_slope", "groups", "num_heads", "use_bias", "rate", "padding",
    "strides", "reset_after", "recurrent_dropout", "mask_zero",
)  # fmt: skip
_RENAMED = {"pool_size": "kernel_size", "kernel_size": "kernel_size", "dilation_rate": "dilation"}


def facts(layer: keras.layers.Layer) -> dict[str, Any]:
    """Return JSON-ready hyperparameters of a layer."""
    found = {name: getattr(layer, name) for name in _SAME_NAMES if hasattr(layer, name)}
    found |= {ours: getattr(layer, theirs) for theirs, ours in _RENAMED.items() if hasattr(layer, theirs)}
    activation = getattr(layer, "activation", None)
    if callable(activation):
        found["activation"] = getattr(activation, "__name__", type(activation).__name__)
        if found["activation"] in {"gelu", "gelu_tanh"}:  # the latter of twotrack.keras_track.layers
            found["approximate"] = _gelu_is_approximate(layer)
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        found["count_include_pad"] = False
    return {name: _plain(value) for name, value in found.items() if _plain(value) is not None}


def _gelu_is_approximate(layer: keras.layers.Layer) -> bool:
    """Ask the activation itself: keras.activations.gelu has approximate=False unless it is told otherwise."""
    import numpy as np

    value = float(np.asarray(keras.ops.convert_to_numpy(layer.activation(np.ones(1, "float32"))))[0])
    return abs(value - 0.8411920) < abs(value - 0.8413447)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [int(one) for one in value] if all(isinstance(one, int) for one in value) else None
    return value if isinstance(value, bool | int | float | str) else None


def loss_facts(pair: Pair) -> dict[str, Any]:
    """Return what the loss expects and does."""
    if not isinstance(pair.loss, CustomLoss):
        return {"kind": pair.loss, "from_logits": True, "label_smoothing": 0.0}
    with as_user_error("the Keras loss function failed"):
        loss = pair.loss.keras()
    config = loss.get_config()
    return {
        "kind": type(loss).__name__,
        "from_logits": bool(config.get("from_logits", False)),
        "label_smoothing": float(config.get("label_smoothing", 0.0)),
    }


def optimizer_facts(optimizer: keras.optimizers.Optimizer, pair: Pair) -> dict[str, Any]:
    """Return the optimizer's hyperparameters."""
    found = {"kind": type(optimizer).__name__, "weight_decay": float(optimizer.weight_decay or 0.0)}
    names = ("epsilon", "momentum", "rho", "beta_1", "beta_2", "gamma", "interval")
    values = {name: getattr(optimizer, name, None) for name in names}
    found |= {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    if isinstance(pair.optimizer, CustomOptimizer):
        found["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        found["decoupled_weight_decay"] = True
    return found
