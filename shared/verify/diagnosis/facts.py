"""What both sides say of themselves at one place, beside each other."""

from math import isclose
from typing import Any

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.tolerances import SAME_HYPERPARAMETER
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.suspects import Stating, of_optimizer, suspect

UNLIKE = 4
"""Layers that are shown where a failure is at none."""
_ABSENT = object()
SAYS_NOTHING = {"activation": "linear"}
"""Settings that are as if they were not stated."""


class Facts(FrozenRecord):
    """Kinds and hyperparameters of two layers, losses, optimizers or draws."""

    where: str
    """Canonical path of a layer; else what it is, such as "loss"."""
    keras_kind: str
    torch_kind: str
    """Class names; empty where a side has nothing there."""
    keras: dict[str, Any] = Field(default_factory=dict)
    torch: dict[str, Any] = Field(default_factory=dict)
    is_changed: bool = False
    """torch's side is as it is with the proved causes removed."""

    @property
    def names(self) -> list[str]:
        """Names of all hyperparameters, Keras' first; the kind is none."""
        return [name for name in dict.fromkeys([*self.keras, *self.torch]) if name != "kind"]

    @property
    def telling(self) -> list[str]:
        """Names of those that differ, or that one side states alone."""
        return [name for name in self.names if self.differs(name)]

    def differs(self, name: str) -> bool:
        """Tell whether the sides do not state one value."""
        keras, torch = (side.get(name, SAYS_NOTHING.get(name, _ABSENT)) for side in (self.keras, self.torch))
        if isinstance(keras, float) and isinstance(torch, float):
            return not isclose(keras, torch, rel_tol=SAME_HYPERPARAMETER)
        return keras != torch


def facts(failure: RungResult, torch: Stating, keras: Stating, is_changed: bool = False) -> list[Facts]:
    """Return what both sides say at the place of a failure; without one, of layers that are not the same."""
    at = suspect(failure, torch, keras)
    if not (at.torch_kind or at.keras_kind):
        return [] if failure.rung in ("data", "parameters") else _unlike(torch, keras, is_changed)
    return [
        Facts(
            where=_place(failure, at.where, torch, keras),
            keras_kind=at.keras_kind,
            torch_kind=at.torch_kind,
            keras=dict(at.keras),
            torch=dict(at.torch),
            is_changed=is_changed,
        )
    ]


def _unlike(torch: Stating, keras: Stating, is_changed: bool) -> list[Facts]:
    """Return the first layers of no layers inside that one side has alone, or whose settings are not the same."""
    paths = [layer.path for side in (keras, torch) for layer in side.layers if layer.leaf]
    found = []
    for path in dict.fromkeys(path.partition("#")[0] for path in paths):
        (torch_kind, own), (keras_kind, other) = torch.layer(path), keras.layer(path)
        place = Facts(
            where=path,
            keras_kind=keras_kind,
            torch_kind=torch_kind,
            keras=dict(other),
            torch=dict(own),
            is_changed=is_changed,
        )
        if path and (not torch_kind or not keras_kind or place.telling):
            found.append(place)
    return found[:UNLIKE]


def _place(failure: RungResult, where: str, torch: Stating, keras: Stating) -> str:
    """Return what the facts are of: the layer of a weight, or the optimizer where a weight shows what that does."""
    layer = where.rpartition(".")[0]
    if of_optimizer(failure):
        return "optimizer"
    if failure.place is FailurePlace.WEIGHT and (torch.layer(layer)[0] or keras.layer(layer)[0]):
        return layer
    return where or failure.rung
