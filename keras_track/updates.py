"""How an optimizer of Keras updates weights, in the settings of twotrack.shared.spec.updates."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from twotrack.keras_track.weights import Entry
from twotrack.shared.spec.updates import KERAS_PLACES, NS_EPSILON

_CLASSES: Mapping[type, str] = {
    keras.optimizers.SGD: "sgd",
    keras.optimizers.Adam: "adam",
    keras.optimizers.AdamW: "adam",
    keras.optimizers.RMSprop: "rmsprop",
    keras.optimizers.Adagrad: "adagrad",
    keras.optimizers.Adadelta: "adadelta",
    keras.optimizers.Adamax: "adamax",
    keras.optimizers.Nadam: "nadam",
    keras.optimizers.Lion: "lion",
    keras.optimizers.Lamb: "lamb",
    keras.optimizers.Adafactor: "adafactor",
    keras.optimizers.Muon: "muon",
}
_NAMES = (
    "momentum", "nesterov", "beta_1", "beta_2", "epsilon", "amsgrad", "rho", "centered", "beta_2_decay", "epsilon_2",
    "clip_threshold", "ns_steps",
)  # fmt: skip
_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


def settings(optimizer: keras.optimizers.Optimizer, table: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """Return what an optimizer does to each weight that is trained, by name; method "" if it is another one."""
    method = next((_CLASSES[base] for base in type(optimizer).__mro__ if base in _CLASSES), "")
    common = _of_method(optimizer, method) | _of_all(optimizer)
    return {name: common | _of_weight(optimizer, entry) for name, entry in table.items() if entry.trainable}


def _as_adam(optimizer: keras.optimizers.Muon) -> dict[str, Any]:
    """Return how Muon updates what is no matrix."""
    betas = {"beta_1": optimizer.adam_beta_1, "beta_2": optimizer.adam_beta_2, "epsilon": optimizer.epsilon}
    share = float(optimizer.adam_lr_ratio)
    return {"method": "adam", **betas, "epsilon_place": KERAS_PLACES["adam"], "share": share}


def _of_method(optimizer: keras.optimizers.Optimizer, method: str) -> dict[str, Any]:
    found: dict[str, Any] = {"method": method}
    stated = {name: getattr(optimizer, name, None) for name in _NAMES}
    found |= {name: value for name, value in stated.items() if value is not None and not callable(value)}
    if method == "adagrad":
        found["initial"] = float(optimizer.initial_accumulator_value)
    if method == "adafactor":
        found["epsilon"] = float(optimizer.epsilon_1)
    if method == "muon":
        found |= {"epsilon": NS_EPSILON, "coefficients": (optimizer.muon_a, optimizer.muon_b, optimizer.muon_c)}
        found["scaled"] = () if optimizer.rms_rate is None else ("longest", float(optimizer.rms_rate))
    if method in KERAS_PLACES:
        found["epsilon_place"] = KERAS_PLACES[method]
    return found | {"rate_inside": method in ("sgd", "rmsprop")}


def _of_all(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    found: dict[str, Any] = {name: float(getattr(optimizer, name) or 0.0) for name in _CLIPPING}
    if optimizer.use_ema and optimizer.ema_overwrite_frequency:
        found["average"] = (float(optimizer.ema_momentum), int(optimizer.ema_overwrite_frequency))
    return found | {"gathered": int(optimizer.gradient_accumulation_steps or 1)}


def _of_weight(optimizer: keras.optimizers.Optimizer, entry: Entry) -> dict[str, Any]:
    variable = entry.variable
    own, size = {}, optimizer.weight_decay
    if isinstance(optimizer, keras.optimizers.Muon) and optimizer._should_use_adamw(variable):
        own, size = _as_adam(optimizer), optimizer.adam_weight_decay
    decayed = bool(size) and optimizer._use_weight_decay(variable)
    regularizer = variable.regularizer
    inside = 2 * float(getattr(regularizer, "l2", 0.0) or 0.0)
    return own | {
        "decay": (inside, float(size) if decayed else 0.0),
        "l1": float(getattr(regularizer, "l1", 0.0) or 0.0),
        "limit": _limit(variable.constraint) if variable.constraint else (),
    }


def _limit(constraint: Any) -> tuple[Any, ...]:
    """Return name, smallest and largest norm, rate and axes; empty for a constraint of the user's own."""
    make = _LIMITS.get(type(constraint))
    if make is None:
        return ()
    axis = getattr(constraint, "axis", 0)
    axes = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    return (type(constraint).__name__, *map(float, make(constraint)), *map(int, axes))


_LIMITS: Mapping[type, Callable[[Any], tuple[float, float, float]]] = {
    keras.constraints.MaxNorm: lambda one: (0.0, one.max_value, 1.0),
    keras.constraints.UnitNorm: lambda one: (1.0, 1.0, 1.0),
    keras.constraints.MinMaxNorm: lambda one: (one.min_value, one.max_value, one.rate),
    keras.constraints.NonNeg: lambda one: (0.0, 0.0, 1.0),
}
