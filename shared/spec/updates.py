"""How an optimizer updates a weight, as plain settings in which the optimizers of both frameworks can be told.

A setting that is left out has its value in DEFAULTS; of a method only the settings in METHODS act.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from twotrack.shared.spec.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
)
from twotrack.shared.spec.regularisation import L1, L2, MaxNorm, UnitNorm, by_weight
from twotrack.shared.spec.update_options import EMA, PLAIN, Clip, ClipGlobalNorm, ClipNorm, ClipValue, Group

Settings = Mapping[str, Any]
"""Of one weight."""
Rules = Mapping[str, Settings]
"""By canonical name of the weight."""

DEFAULTS: Settings = MappingProxyType(
    {
        "momentum": 0.0,
        "nesterov": False,
        "dampening": 0.0,
        "rate_inside": False,  # the velocity holds the learning rate of its own time
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 0.0,
        "epsilon_place": "outside",
        "amsgrad": False,
        "rho": 0.9,
        "centered": False,
        "initial": 0.0,  # of the sum of squares
        "rate_decay": 0.0,
        "momentum_decay": 1.0,
        "single_product": False,  # the product of all momenta is rounded to float32 at every step
        "beta_2_decay": -0.8,
        "epsilon_2": 1e-3,
        "clip_threshold": 1.0,
        "factored": "canonical",  # which last two axes: the canonical form's, or torch's own
        "rms_first": False,  # the size of a weight is taken before its decay
        "ns_steps": 5,
        "coefficients": (3.4445, -4.7750, 2.0315),
        "scaled": (),  # ("longest", 0.2) by the root of the longest side, ("tall",) by that of outputs over inputs
        "rounded": False,  # the matrix to bfloat16, before it is made orthogonal
        "averaged": False,  # the momentum is a mean, not a sum
        "rate": None,  # as the user's own optimizer has it; a number, or one for each step
        "share": 1.0,  # times the rate
        "decay": (0.0, 0.0),  # times the weight: into the gradient, and off the weight by the learning rate
        "l1": 0.0,
        "clipnorm": 0.0,
        "global_clipnorm": 0.0,
        "clipvalue": 0.0,
        "clip_epsilon": 0.0,  # is added to the norm that a gradient is divided by
        "clip_whole": False,  # the norm is that of torch's parameter, in which there may be several weights
        "average": (),  # momentum of a moving average of the weight, and every how many steps it becomes the weight
        "squared_in_parts": False,  # a row of a table that was looked up twice: its two gradients, then their sum
        "gathered": 1,  # steps whose gradients make one update
        "summed": False,  # by the sum of those gradients, not their mean
        "moving": (),  # settings that a scheduler changes at steps, as OneCycleLR does with momenta
        "limit": (),  # a constraint: its name, its numbers and its axes
    }
)
EVERY_METHOD = (
    "rate",
    "share",
    "decay",
    "l1",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "clip_epsilon",
    "clip_whole",
    "limit",
    "average",
    "gathered",
    "summed",
    "moving",
)
METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sgd": ("momentum", "nesterov", "dampening", "rate_inside"),
        "adam": ("beta_1", "beta_2", "epsilon", "epsilon_place", "amsgrad"),
        "rmsprop": ("rho", "epsilon", "epsilon_place", "momentum", "rate_inside", "centered"),
        "adagrad": ("epsilon", "epsilon_place", "initial", "rate_decay"),
        "adadelta": ("rho", "epsilon"),
        "adamax": ("beta_1", "beta_2", "epsilon", "epsilon_place"),
        "nadam": ("beta_1", "beta_2", "epsilon", "momentum_decay", "single_product"),
        "lion": ("beta_1", "beta_2"),
        "lamb": ("beta_1", "beta_2", "epsilon"),
        "adafactor": (
            "beta_2_decay",
            "epsilon",
            "epsilon_place",
            "epsilon_2",
            "clip_threshold",
            "factored",
            "rms_first",
        ),
        "muon": (
            "momentum",
            "nesterov",
            "ns_steps",
            "coefficients",
            "scaled",
            "rounded",
            "averaged",
            "epsilon",
            "epsilon_place",
        ),
    }
)
KERAS_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "adam": "uncorrected",
        "rmsprop": "inside",
        "adagrad": "inside",
        "adamax": "outside",
        "adafactor": "square",
        "muon": "added",
    }
)
"""Where Keras adds epsilon."""
TORCH_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "adam": "corrected",
        "rmsprop": "outside",
        "adagrad": "outside",
        "adamax": "gradient",
        "adafactor": "least",
        "muon": "least",
    }
)
PLACES: Mapping[str, str] = MappingProxyType(
    {
        "uncorrected": "sqrt(v) + epsilon",
        "corrected": "sqrt(v / (1 - beta_2^t)) + epsilon",
        "inside": "sqrt(v + epsilon)",
        "outside": "epsilon outside of the root or maximum",
        "gradient": "epsilon beside the gradient in the maximum",
        "square": "g^2 + epsilon",
        "least": "max(v, epsilon), of Adafactor epsilon^2, and of Muon's norm max(norm, epsilon)",
        "added": "norm + epsilon",
    }
)
"""For messages."""


def of_spec(spec: Optimizer, name: str = "", axes: int = 0, group: Group = PLAIN) -> dict[str, Any]:
    """Return the settings by which an optimizer of twotrack updates a weight of so many axes, which is in a group.

    KeyError for an optimizer that needs more than gradients, and for an average that settings cannot tell.
    """
    decay = spec.weight_decay if group.weight_decay is None else group.weight_decay
    common = {"decay": (0.0, decay), "share": group.learning_rate, "gathered": spec.accumulate}
    return _of_formula(spec, name, axes) | common | _of_clip(spec.clip) | _of_average(spec)


def _of_formula(spec: Optimizer, name: str, axes: int) -> dict[str, Any]:
    method = _METHOD_NAMES.get(type(spec))
    if method is None:
        raise KeyError(type(spec).__name__)
    if isinstance(spec, Muon) and not spec.is_matrix(name, axes):
        method = "adam"
    own = {setting: getattr(spec, setting) for setting in METHODS[method] if hasattr(spec, setting)}
    own |= {"method": method, "rate_inside": method in ("sgd", "rmsprop")}
    if method in KERAS_PLACES:
        own["epsilon_place"] = KERAS_PLACES[method]
    if isinstance(spec, Adafactor):
        own["epsilon"] = spec.epsilon_1
    if method == "muon":
        rms_rate = getattr(spec, "rms_rate", None)
        own |= {"epsilon": NS_EPSILON, "scaled": () if rms_rate is None else ("longest", rms_rate)}
    return own


NS_EPSILON = 1e-7
"""Of Keras' Muon, which takes no other."""


def _of_clip(clip: Clip | None) -> dict[str, float]:
    match clip:
        case ClipValue(limit):
            return {"clipvalue": limit}
        case ClipNorm(limit, epsilon):
            return {"clipnorm": limit, "clip_epsilon": epsilon}
        case ClipGlobalNorm(limit, epsilon):
            return {"global_clipnorm": limit, "clip_epsilon": epsilon}
    return {}


def _of_average(spec: Optimizer) -> dict[str, Any]:
    """Return an average that becomes the weights; one that does not changes no step."""
    if isinstance(spec.average, EMA) and spec.average.overwrite_every:
        return {"average": (spec.average.momentum, spec.average.overwrite_every)}
    return {}


_METHOD_NAMES: Mapping[type, str] = MappingProxyType(
    {
        SGD: "sgd",
        RMSprop: "rmsprop",
        Adam: "adam",
        AdamW: "adam",
        Lion: "lion",
        Adagrad: "adagrad",
        Adadelta: "adadelta",
        Adamax: "adamax",
        Nadam: "nadam",
        Lamb: "lamb",
        Adafactor: "adafactor",
        Muon: "muon",
    }
)


EXACT = "exact "
"""In front of the name of a constraint without the epsilon of Keras' own."""


def held(penalties: Sequence[Any], constraints: Sequence[Any], is_torch: bool, names: Sequence[str]) -> Rules:
    """Return, as settings, the penalties and constraints of a pair that a side is given for its weights.

    An orthogonal penalty, and one of what a layer gives, is no setting.
    """
    found: dict[str, dict[str, Any]] = {name: {"l1": 0.0, "l2": 0.0, "limit": ()} for name in names}
    for name, own in by_weight(penalties, is_torch, names).items():
        found[name]["l1"] += sum(one.strength for one in own if isinstance(one, L1))
        found[name]["l2"] += sum(one.strength for one in own if isinstance(one, L2))
    for name, own in by_weight(constraints, is_torch, names).items():
        found[name]["limit"] = _limit(own[-1])
    return found


def _limit(constraint: Any) -> tuple[Any, ...]:
    match constraint:
        case MaxNorm():
            return (f"{EXACT}MaxNorm", 0.0, float(constraint.limit), 1.0, *constraint.axes)
        case UnitNorm():
            return (f"{EXACT}UnitNorm", 1.0, 1.0, 1.0, *constraint.axes)
    return (f"{EXACT}NonNeg", 0.0, 0.0, 1.0, 0)


def acting(settings: Settings) -> dict[str, Any]:
    """Return all settings that act with the method, the left out ones too; of another method those of all methods."""
    names = (*EVERY_METHOD, *METHODS.get(settings["method"], ()))
    return {name: settings.get(name, DEFAULTS[name]) for name in names}
