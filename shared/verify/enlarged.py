"""What rounding may add to a difference of two sides, by what it does to one of them; see enlarging.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import ENLARGED_AT_MOST, ENLARGED_ROUNDING, TOLERANCES


@with_config(WITH_ARRAYS)
@dataclass
class Enlarged:
    """Allowances for what a training step computes, relative as differences of it are."""

    outputs: float = 0.0
    """Of the model, in training mode."""
    layers: dict[str, float] = field(default_factory=dict)
    """Of what a layer gives in training mode, by its path."""
    loss: float = 0.0
    gradients: dict[str, float] = field(default_factory=dict)
    """By the name of the weight; none of a large model, nor where a training function of the user's own trains."""

    @property
    def is_seen(self) -> bool:
        """A gradient may part by more than any network's."""
        return any(one > TOLERANCES["gradients"].limit for one in self.gradients.values())

    @property
    def most(self) -> float:
        """The largest of all."""
        return max([self.outputs, self.loss, *self.layers.values(), *self.gradients.values()])


def largest(found: Sequence[Enlarged]) -> Enlarged:
    """Return for each value the largest allowance that one of several sides asks for."""
    layers, gradients = ([getattr(one, kind) for one in found] for kind in ("layers", "gradients"))
    return Enlarged(
        max(one.outputs for one in found), _largest(layers), max(one.loss for one in found), _largest(gradients)
    )


def _largest(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: max(one.get(name, 0.0) for one in found) for name in {name: 0 for one in found for name in one}}


def allowance(off: float) -> float:
    """Return what rounding may add where moved weights move a value by `off`; nothing where that is not finite."""
    return min(ENLARGED_ROUNDING * off, ENLARGED_AT_MOST) if np.isfinite(off) else 0.0
