"""How an optimizer updates a weight, as plain settings in which the optimizers of both frameworks can be told.

A setting that is left out has its value in DEFAULTS; of a method only the settings in METHODS act.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import SGD, Adam, Lion, Optimizer, RMSprop

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
        "rate": None,  # as the user's own optimizer has it; a number, or one for each step
        "decay": (0.0, 0.0),  # times the weight: into the gradient, and off the weight by the learning rate
        "l1": 0.0,
        "clipnorm": 0.0,
        "global_clipnorm": 0.0,
        "clipvalue": 0.0,
        "average": (),  # momentum of a moving average of the weight, and every how many steps it becomes the weight
        "squared_in_parts": False,  # a row of a table that was looked up twice: its two gradients, then their sum
        "gathered": 1,  # steps whose gradients make one update
        "limit": (),  # a constraint: its name, its numbers and its axes
    }
)
EVERY_METHOD = (
    "rate",
    "decay",
    "l1",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "limit",
    "average",
    "gathered",
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
    }
)
KERAS_PLACES: Mapping[str, str] = MappingProxyType(
    {"adam": "uncorrected", "rmsprop": "inside", "adagrad": "inside", "adamax": "outside"}
)
"""Where Keras adds epsilon."""
TORCH_PLACES: Mapping[str, str] = MappingProxyType(
    {"adam": "corrected", "rmsprop": "outside", "adagrad": "outside", "adamax": "gradient"}
)
PLACES: Mapping[str, str] = MappingProxyType(
    {
        "uncorrected": "sqrt(v) + epsilon",
        "corrected": "sqrt(v / (1 - beta_2^t)) + epsilon",
        "inside": "sqrt(v + epsilon)",
        "outside": "epsilon outside of the root or maximum",
        "gradient": "epsilon beside the gradient in the maximum",
    }
)
"""For messages."""


def of_spec(spec: Optimizer) -> dict[str, Any]:
    """Return the settings of an optimizer of twotrack; KeyError for one that needs more than gradients."""
    decay = (0.0, spec.weight_decay)
    match spec:
        case SGD():
            own = {"momentum": spec.momentum, "nesterov": spec.nesterov, "rate_inside": True}
            return {"method": "sgd", "decay": decay, **own}
        case RMSprop():
            own = {"rho": spec.rho, "momentum": spec.momentum, "epsilon": spec.epsilon, "rate_inside": True}
            return {"method": "rmsprop", "decay": decay, "epsilon_place": "inside", **own}
        case Adam():
            own = {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "epsilon": spec.epsilon}
            return {"method": "adam", "decay": decay, "epsilon_place": "uncorrected", **own}
        case Lion():
            return {"method": "lion", "decay": decay, "beta_1": spec.beta_1, "beta_2": spec.beta_2}
        case specs.Sophia():
            raise KeyError("Sophia")
    raise KeyError(type(spec).__name__)


def acting(settings: Settings) -> dict[str, Any]:
    """Return all settings that act with the method, the left out ones too; of another method those of all methods."""
    names = (*EVERY_METHOD, *METHODS.get(settings["method"], ()))
    return {name: settings.get(name, DEFAULTS[name]) for name in names}
