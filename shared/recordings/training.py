"""The rung training of two recordings: losses and weights after every step that both hold.

A recording cannot be continued from common weights, so what parts slowly may be rounding that the network enlarges. A
failure is what rounding cannot have done; what it may have done is an exception of the pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import numpy as np

from twotrack.shared.base.tolerances import RECORDED_GROWTH, ROUNDED_GRADIENT, limit_in
from twotrack.shared.recordings.held import NotHeldError, comparable, require_no_draws
from twotrack.shared.recordings.schema import Remembered, Step
from twotrack.shared.recordings.traces import Both
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, relative
from twotrack.shared.verify.rungs.gradients import gradient_scales
from twotrack.shared.verify.trace import Trace

_FLOOR = {"float64": 1e-16, "float32": 1e-7}
"""Two sides that agree exactly so far are taken to be apart by rounding."""
_ROUNDED = {"float64": ROUNDED_GRADIENT, "float32": 1e-2}
"""Share of a layer's largest gradient up to which one may be rounding, which an optimizer takes for a step's sign."""


def check_training(both: Both, names: tuple[str, str], traces: tuple[Trace, Trace]) -> RungResult:
    """Compare what optimizers remember, loss and weights after every step that both hold, then the trained outputs."""
    has_steps = any(own.weights and facing.weights for own, facing in both.steps)
    if not has_steps and not (both.one.manifest.state and both.other.manifest.state):
        raise NotHeldError("not both recordings hold weights after a common step, or what an optimizer remembers")
    require_no_draws(both)
    return _Training(both, names, traces[0], comparable(both)).result()


@dataclass(frozen=True)
class _Parted:
    """How far two sides are apart after a step."""

    number: int
    """Of the step; 0 before the first one."""
    size: float
    where: str
    """A weight; empty for the loss."""
    detail: str


@dataclass
class _Training:
    both: Both
    names: tuple[str, str]
    trace: Trace
    """Of the first side, with the gradients of the first step."""
    precision: Precision
    worst: float = 0.0
    grown: list[_Parted] = field(default_factory=list)
    """Steps that may be apart by rounding that grew."""
    slots: set[tuple[str, str]] = field(default_factory=set)
    """Of optimizers, that were compared."""

    @property
    def limit(self) -> float:
        """The ladder's in float64. In float32 that would be half a weight: it is that of the gradients, for a step."""
        return limit_in("training" if self.precision == "float64" else "gradients", self.precision)

    def result(self) -> RungResult:
        """Compare step by step, up to the first that parts for certain."""
        begun = self._remembered(self.both.one.manifest, self.both.other.manifest, 0)
        if begun and begun.size > self.limit:
            return self._parted(begun)
        self.worst, before = begun.size if begun else 0.0, 0
        for own, facing in self._steps:
            parted = self._step(own, facing)
            if parted.size > self.limit and self._is_certain(parted, before):
                return self._parted(parted)
            if parted.size > self.limit:
                self.grown.append(parted)
            self.worst, before = max(self.worst, parted.size), own.number
        return self._ended()

    @property
    def _steps(self) -> list[tuple[Step, Step]]:
        """Steps after which both hold the weights."""
        return [(own, facing) for own, facing in self.both.steps if own.weights and facing.weights]

    def _parted(self, parted: _Parted) -> RungResult:
        place = FailurePlace.WEIGHT if parted.where else FailurePlace.LOSS
        return self._failed(parted.detail, parted.size, place, parted.where)

    def _failed(self, detail: str, size: float, place: FailurePlace, where: str = "") -> RungResult:
        return RungResult("training", False, detail, size, limit=self.limit, place=place, where=where)

    def _step(self, own: Step, facing: Step) -> _Parted:
        found = self.both.together(self.both.one.by_name(own.weights), self.both.other.by_name(facing.weights))
        sizes = {name: self._apart(own.number, name, one, other) for name, one, other in found}
        name = max(sizes, key=sizes.__getitem__, default="")
        size, told = sizes.get(name, 0.0), ""
        for one, other in zip(*self.both.losses(own, facing), strict=True):
            told = f"loss {one:.6g} in '{self.names[0]}', {other:.6g} in '{self.names[1]}'"
            loss = relative(np.array(one), np.array(other))
            if loss > size:
                return _Parted(own.number, loss, "", f"step {own.number}: {told}")
        if (state := self._remembered(own, facing, own.number)) and state.size > max(size, self.limit):
            return state
        beside = f" ({told} before it)" if told else ""
        return _Parted(own.number, size, name, f"step {own.number}: '{name}' differs by {size:.1e} after it{beside}")

    def _remembered(self, own: Remembered, facing: Remembered, number: int) -> _Parted | None:
        """Return how far what the optimizers remember is apart; None if not both recordings hold any of one kind."""
        when = f"step {number}" if number else "before training"
        if None not in (own.updates, facing.updates) and own.updates != facing.updates:
            told = f"{own.updates} updates in '{self.names[0]}', {facing.updates} in '{self.names[1]}'"
            return _Parted(number, inf, "", f"{when}: the optimizer has done {told}")
        common = [slot for slot in own.state if slot in facing.state]
        parted = [self._slot(own.state[slot], facing.state[slot], slot, number, when) for slot in common]
        return max((one for one in parted if one), key=lambda one: one.size, default=None)

    def _slot(
        self, own: Mapping[str, str], facing: Mapping[str, str], slot: str, number: int, when: str
    ) -> _Parted | None:
        sides = self.both.one.by_name(own), self.both.other.by_name(facing)
        found = list(self.both.together(*sides, are_gradients=True))
        largest = max((float(np.abs(one).max(initial=0.0)) for _, one, _ in found), default=0.0)
        # What is remembered of a gradient that is rounding is rounding too.
        floor = _ROUNDED[self.precision] * largest
        sizes = {
            name: relative(one, other, max(float(np.abs(one).max(initial=0.0)), floor)) for name, one, other in found
        }
        if not sizes:
            return None
        name = max(sizes, key=sizes.__getitem__)
        told = f"what the optimizer remembers of '{name}' as {slot} differs by {sizes[name]:.1e}"
        self.slots |= {(slot, one) for one in sizes}
        return _Parted(number, sizes[name], name, f"{when}: {told}")

    def _apart(self, number: int, name: str, one: np.ndarray, other: np.ndarray) -> float:
        """Return how far a weight is apart; after the first step only where its gradient was no rounding."""
        size = relative(one, other)
        if number != 1 or size <= self.limit or not np.isfinite(size) or name not in self.trace.gradients:
            return size
        clear = np.abs(self.trace.gradients[name]) > _ROUNDED[self.precision] * gradient_scales(self.trace)[name]
        return relative(one[clear], other[clear], float(np.abs(one).max()) or None)

    def _is_certain(self, parted: _Parted, before: int) -> bool:
        """Return whether rounding cannot have grown to this since the step before."""
        if parted.number == 1 or not np.isfinite(parted.size):
            return True
        if before == 0:
            return False
        try:
            growth = RECORDED_GROWTH ** (parted.number - before)
        except OverflowError:
            growth = inf
        return parted.size > growth * max(self.worst, _FLOOR[self.precision])

    def _ended(self) -> RungResult:
        """Return the result of steps none of which parts for certain."""
        manifests = self.both.one.manifest, self.both.other.manifest
        pairs = self.both.paired(*(manifest.trained_outputs for manifest in manifests)) or []
        outputs = max((relative(own, facing) for own, facing in pairs), default=0.0)
        if outputs > self.limit and not self.grown:
            detail = f"the outputs after training differ by {outputs:.1e}, on equal weights"
            return self._failed(detail, outputs, FailurePlace.OUTPUTS)
        counts = {"training steps": len(self._steps)} if self._steps else {}
        counts |= {"slots of optimizers": len(self.slots)} if self.slots else {}
        detail = f"{len(self.slots)} slots of optimizers compared, no steps"
        if self._steps:
            detail = f"{len(self._steps)} steps compared, up to {self._steps[-1][0].number}"
        gaps = self._gaps()
        return RungResult("training", True, detail, self.worst, limit=self.limit, counts=counts, gaps=gaps)

    def _gaps(self) -> tuple[Gap, ...]:
        if not self.grown:
            return ()
        first, last = self.grown[0], self.grown[-1]
        detail = f"rounding that grows from step to step, or a small difference, parts the sides: {first.detail}"
        detail += f"; step {last.number}: by {last.size:.1e}" if last is not first else ""
        return (Gap(GapKind.ROUNDING, "training", f"{detail}; a recording cannot tell, sides that run here can"),)
