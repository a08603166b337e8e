"""The rung training where two sides of a large model part: digests of each step from the weights of the start."""

from collections.abc import Iterator, Sequence

import numpy as np

from twotrack.shared.base.tolerances import EXPLAINED_BY_GRADIENTS, TOLERANCES
from twotrack.shared.verify.common_steps import Stepped
from twotrack.shared.verify.digests import COUNT, FIRST, LARGEST, PATTERN, PROJECTIONS
from twotrack.shared.verify.keeping import largest
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, in_short, relative
from twotrack.shared.verify.rungs.common_state import FreeRun, differing_weight
from twotrack.shared.verify.rungs.training import left_out
from twotrack.shared.verify.trace import Trace, same_losses

_LIMIT = TOLERANCES["training"].limit


class Steps:
    """How far two sides are apart after each step, by weight and row of its digest."""

    def __init__(self, torch: Stepped, keras: Stepped):
        self._torch, self._keras = torch, keras
        self.losses = list(zip(*same_losses(*map(_as_trace, (keras, torch))), strict=True))
        """Keras' and torch's, by step."""
        self.apart = [
            {name: _rows_apart(own, keras.weights[step][name]) for name, own in weights.items()}
            for step, weights in enumerate(torch.weights)
        ]
        self.summed = list(_sums(torch, keras))
        """Of the differences of all steps so far, which do not cancel where one side always does more."""

    def scale(self, step: int, name: str) -> float:
        """Return what differences of a weight are relative to."""
        return largest(self._torch.weights[step][name], is_digest=True) or 1.0

    def outputs(self) -> float:
        """Return the largest relative difference of the outputs when all steps are done."""
        return max(map(relative, self._torch.outputs, self._keras.outputs), default=0.0)


def find_difference(steps: Steps, moved: Sequence[Steps]) -> RungResult | None:
    """Return the first difference that rounding of the gradients cannot make; None if there is none.

    `moved` are torch's steps against the same with moved gradients.
    """
    for step, (loss, other) in enumerate(steps.losses):
        difference = relative(np.array(other), np.array(loss))
        if not difference <= _LIMIT:
            detail = f"step {step + 1}: the loss is {loss:.9g} in Keras, {other:.9g} in torch, on common weights"
            return RungResult("training", False, detail, difference, limit=_LIMIT, place=FailurePlace.LOSS)
        for name, size in sorted(_sizes(steps, step).items(), key=lambda item: -item[1]):
            if not size <= _LIMIT and not _is_explained(steps, moved, step, name):
                return differing_weight(step, name, size, (loss, other))
    if not steps.outputs() <= _LIMIT:
        detail = f"the outputs after training differ by {steps.outputs():.1e}, on equal weights"
        return RungResult("training", False, detail, steps.outputs(), limit=_LIMIT, place=FailurePlace.OUTPUTS)
    return None


def passed(free: FreeRun, steps: Steps, trace: Trace) -> RungResult:
    """Return that every step agrees."""
    count, excess = len(steps.losses), _excess(steps)
    worst = max((size for step in range(count) for name, size in _sizes(steps, step).items() if name not in excess))
    detail = f"{count} steps compared, each from the weights of the start; left alone the sides part by "
    detail += f"{free.weights[-1]:.0e}"
    gaps = [Gap(GapKind.ROUNDING, "training", "how far rounding moves a side left alone is not measured of its size")]
    if excess:
        told = f"of them rounding makes up to {max(excess.values()):.0e} in a step: they are compared to that"
        gaps.append(Gap(GapKind.ROUNDING, in_short(excess), told))
    counts = {"training steps": count, "of them from common weights": count}
    return RungResult("training", True, detail, worst, limit=_LIMIT, counts=counts, gaps=(*left_out(trace), *gaps))


def exceeds(steps: Steps) -> bool:
    """Tell whether a weight differs by more than the limit."""
    return bool(_excess(steps))


def _excess(steps: Steps) -> dict[str, float]:
    found: dict[str, float] = {}
    for step in range(len(steps.apart)):
        for name, size in _sizes(steps, step).items():
            if not size <= _LIMIT:
                found[name] = max(found.get(name, 0.0), size)
    return found


def _sizes(steps: Steps, step: int) -> dict[str, float]:
    """Return the largest difference of each weight, or of its differences so far, relative to the weight."""
    return {
        name: float(np.maximum(rows, steps.summed[step][name]).max(initial=0.0)) / steps.scale(step, name)
        for name, rows in steps.apart[step].items()
    }


def _is_explained(steps: Steps, moved: Sequence[Steps], step: int, name: str) -> bool:
    """Return whether the optimizer makes as much of gradients that differ by no more than their own limit."""
    if not moved:
        return False
    allowed = _LIMIT * steps.scale(step, name)
    for values in ("apart", "summed"):
        possible = np.max([getattr(one, values)[step][name] for one in moved], axis=0)
        if not (getattr(steps, values)[step][name] <= allowed + EXPLAINED_BY_GRADIENTS * possible).all():
            return False
    return True


def _sums(torch: Stepped, keras: Stepped) -> Iterator[dict[str, np.ndarray]]:
    sums: dict[str, np.ndarray] = {}
    for own, other in zip(torch.weights, keras.weights, strict=True):
        for name, digest in own.items():
            sums[name] = sums.get(name, 0.0) + (digest - other[name])[:, FIRST:]
        yield {name: np.abs(total).max(1) / _roots(own[name]) for name, total in sums.items()}


def _rows_apart(torch: np.ndarray, keras: np.ndarray) -> np.ndarray:
    """Return the typical difference of each row, or the largest of its extremes; infinity where it is not finite."""
    compared = np.abs(torch - keras)
    found = np.maximum(compared[:, : LARGEST + 1].max(1), compared[:, FIRST:].max(1) / _roots(torch))
    return np.where(torch[:, PATTERN] + keras[:, PATTERN] == 0, found, np.inf)


def _roots(digest: np.ndarray) -> np.ndarray:
    """Return by what differences in products of a row are divided: rounding adds up to the root of its length."""
    return np.sqrt(np.where(digest[:, COUNT] > PROJECTIONS, digest[:, COUNT], 1.0))


def _as_trace(side: Stepped) -> Trace:
    return Trace(losses=side.losses, penalties=side.penalties)
