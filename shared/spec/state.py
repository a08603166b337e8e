"""What an optimizer of twotrack remembers, in canonical form: as weights are, so that any track can go on from it.

Slots have the values of the formulas in shared/spec/optimizers.py, in the layout of their weights. Both tracks keep
these very numbers: a velocity with the learning rates that went into it and the sign with which it is added, moments
that are not corrected for their start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import Optimizer

if TYPE_CHECKING:
    import numpy as np

ROWS_AND_COLUMNS = ("row", "column")
"""Slots of another shape than their weight: without its last axis, or without the last but one."""


@dataclass(frozen=True)
class Slot:
    """One array that is remembered of every weight, or of some."""

    name: str
    """Canonical."""
    keras: str
    """Attribute of Keras' optimizer with a variable for each weight, in the order that it was built with."""
    torch: str
    """Name in the state of torch's optimizer."""


MOMENTUM, VELOCITY = Slot("momentum", "_momentums", "momentum"), Slot("velocity", "_velocities", "velocity")
GATHERED = Slot("gathered", "_gathered", "gathered")
AVERAGE = Slot("average", "_model_variables_moving_average", "averages")
"""Of options; in torch they are lists of parameter groups."""
_ADAM = (
    Slot("momentum", "_momentums", "exp_avg"),
    Slot("velocity", "_velocities", "exp_avg_sq"),
    Slot("largest", "_velocity_hats", "max_exp_avg_sq"),
)
SLOTS: Mapping[type, tuple[Slot, ...]] = {
    specs.SGD: (Slot("velocity", "momentums", "velocity"),),
    specs.RMSprop: (
        Slot("velocity", "_velocities", "square_average"),
        Slot("step", "_momentums", "step_average"),
        Slot("mean", "_average_gradients", "average"),
    ),
    specs.Adam: _ADAM,
    specs.AdamW: _ADAM,
    specs.Lion: (MOMENTUM,),
    specs.Sophia: (MOMENTUM, Slot("curvature", "curvatures", "curvature")),
    specs.Adagrad: (Slot("sum", "_accumulators", "square_sum"),),
    specs.Adadelta: (
        Slot("velocity", "_accumulated_grads", "square_average"),
        Slot("moved", "_accumulated_delta_vars", "square_moved"),
    ),
    specs.Adamax: (Slot("momentum", "_m", "momentum"), Slot("norm", "_u", "norm")),
    specs.Nadam: (MOMENTUM, VELOCITY),
    specs.Lamb: (MOMENTUM, VELOCITY),
    specs.Adafactor: (Slot("row", "_r", "row"), Slot("column", "_c", "column"), Slot("velocity", "_v", "velocity")),
    specs.Muon: (Slot("momentum", "momentums", "momentum"), Slot("velocity", "adam_velocities", "velocity")),
}
"""By spec, in the order of its formula; which of them there are depends on its numbers."""


@dataclass
class OptimizerState:
    """All that the next steps depend on beside weights."""

    slots: "dict[str, np.ndarray]" = field(default_factory=dict)
    """By slot, a slash and the weight's canonical name."""
    updates: int = 0
    """Done: t of the formulas."""
    batches: int = 0
    """Seen: the place in the learning rates."""
    rows: float = 0.0
    """Of batches that wait for an update."""
    product: float = 1.0
    """Of Nadam's momenta."""


def slots_of(spec: Optimizer) -> tuple[Slot, ...]:
    """Return what may be remembered of each weight, options included."""
    gathered = (GATHERED,) if spec.accumulate > 1 else ()
    return (*SLOTS[type(spec)], *gathered, *((AVERAGE,) if spec.average else ()))


def key(slot: Slot, weight: str) -> str:
    """Return the name of a weight's slot."""
    return f"{slot.name}/{weight}"


def is_remembered(spec: Optimizer, slot: Slot, weight: str, axes: int) -> bool:
    """Whether a formula takes this slot of a weight up again, rather than making it anew at every step."""
    if isinstance(spec, specs.Adafactor) and slot not in (GATHERED, AVERAGE):
        return (slot.name in ROWS_AND_COLUMNS) == (axes > 1)
    if isinstance(spec, specs.Muon) and slot.name == "velocity":
        return not spec.is_matrix(weight, axes)
    return True


def shared(optimizer: Any) -> Optimizer:
    """Return an optimizer of twotrack as what it is; TypeError for one of the user's own, which keeps what it likes."""
    if type(optimizer) not in SLOTS:
        raise TypeError(f"expected an optimizer of twotrack, whose state is known, found {type(optimizer).__name__}")
    return optimizer
