"""The rung training where rounding grows: step by step from common weights, and against a side's own sensitivity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared.base.tolerances import (
    ALL_DIGITS,
    ENLARGED_AT_MOST,
    EXPLAINED_BY_GRADIENTS,
    STRAYED_AT_MOST,
    TOLERANCES,
)
from twotrack.shared.verify.following import Excess, Explained, Followed, Led, Strayed, key
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, in_short, relative
from twotrack.shared.verify.rungs.training import step_differences
from twotrack.shared.verify.trace import Trace, same_losses

_LIMIT = TOLERANCES["training"].limit


@dataclass(frozen=True)
class FreeRun:
    """How far two sides were apart that were left alone, by step and relative."""

    losses: list[float]
    weights: list[float]
    """The largest of the weights that were kept."""

    @classmethod
    def of(cls, torch: Trace, keras: Trace) -> "FreeRun":
        """Compare two traces."""
        pairs = zip(*same_losses(torch, keras), strict=True)
        losses = [relative(np.array(loss), np.array(other)) for loss, other in pairs]
        weights = [
            max(step_differences(torch_weights, keras_weights, torch.weights_digested).values(), default=0.0)
            for torch_weights, keras_weights in zip(torch.weights, keras.weights, strict=True)
        ]
        return cls(losses, weights)


def find_difference(led: Led, followed: Followed, explained: Sequence[Explained]) -> RungResult | None:
    """Return the first difference of a side that stepped from the leader's weights, None if there is none."""
    excess = {one.key: one for one in followed.excess}
    torch, keras = (Trace(losses=side.losses, penalties=side.penalties) for side in (led, followed))
    torch_losses, keras_losses = same_losses(torch, keras)
    for step, (loss, other) in enumerate(zip(keras_losses, torch_losses, strict=True)):
        difference = relative(np.array(other), np.array(loss))
        if difference > _LIMIT + _rounding_of_loss(led.losses[step], [draw.losses[step] for draw in explained]):
            detail = f"step {step + 1}: the loss is {loss:.9g} in Keras, {other:.9g} in torch, on common weights"
            return RungResult("training", False, detail, difference, limit=_LIMIT, place=FailurePlace.LOSS)
        for name, size in sorted(followed.largest[step].items(), key=lambda item: -item[1]):
            if size > _LIMIT and not _is_explained(excess.get(key(step, name)), explained):
                return differing_weight(step, name, size, (loss, other))
    return _differing_inference(led, followed)


def _rounding_of_loss(loss: float, moved: Sequence[float]) -> float:
    """Return what rounding may add to the difference of a loss, by what it is on weights that are off by rounding."""
    off = max((relative(np.array(loss), np.array(one)) for one in moved if np.isfinite(one)), default=0.0)
    return min(EXPLAINED_BY_GRADIENTS * off, ENLARGED_AT_MOST) if np.isfinite(off) else 0.0


def _is_explained(excess: Excess | None, explained: Sequence[Explained]) -> bool:
    """Return whether as much comes of gradients that differ by no more than their own limit, and of rounding."""
    if excess is None or not explained:
        return False
    for values, possible in ((excess.differences, "differences"), (excess.sums, "sums")):
        sizes = np.max([getattr(draw, possible)[excess.key] for draw in explained], axis=0)
        if not (np.abs(values) <= _LIMIT + EXPLAINED_BY_GRADIENTS * sizes).all():  # NaN is not
            return False
    return True


def differing_weight(step: int, name: str, size: float, losses: tuple[float, float]) -> RungResult:
    """Return that a weight differs after a step (0-based) from common weights."""
    detail = (
        f"step {step + 1}: '{name}' differs by {size:.1e} after the update from common weights "
        f"(loss {losses[0]:.6g} and {losses[1]:.6g} before)"
    )
    return RungResult("training", False, detail, size, limit=_LIMIT, place=FailurePlace.WEIGHT, where=name)


def _differing_inference(led: Led, followed: Followed) -> RungResult | None:
    for epoch, (loss, other) in enumerate(zip(followed.validation, led.validation, strict=True), start=1):
        difference = relative(np.array(other), np.array(loss))
        if difference > _LIMIT:
            detail = (
                f"epoch {epoch}: the validation loss is {loss:.6g} in Keras, {other:.6g} in torch, on equal weights"
            )
            return RungResult("training", False, detail, difference, limit=_LIMIT, place=FailurePlace.VALIDATION)
    outputs = max(map(relative, led.trained_outputs, followed.trained_outputs), default=0.0)
    if outputs > _LIMIT:
        detail = f"the outputs after training differ by {outputs:.1e}, on equal weights"
        return RungResult("training", False, detail, outputs, limit=_LIMIT, place=FailurePlace.OUTPUTS)
    return None


def judge_free_run(free: FreeRun, led: Led, followed: Followed, strayed: Sequence[Strayed]) -> RungResult:
    """Require that two sides left alone part no faster than torch parts from itself, given the same rounding.

    Once that has left torch's weights no digit, where it goes says nothing any more.
    """
    for step, (loss, weights) in enumerate(_movements(led, strayed)):
        if weights > ALL_DIGITS:
            return _passed(free, followed, strayed, step)
        for what, apart, moved in (("loss", free.losses[step], loss), ("weights", free.weights[step], weights)):
            if apart > max(_LIMIT, STRAYED_AT_MOST * moved):
                detail = (
                    f"step {step + 1}: left alone the two sides' {what} differ by {apart:.1e}, and rounding moves "
                    f"torch's by {moved:.1e} only; from common weights every step agrees"
                )
                return RungResult("training", False, detail, apart, limit=_LIMIT)
    return _passed(free, followed, strayed, len(led.losses))


def _movements(led: Led, strayed: Sequence[Strayed]) -> Iterator[tuple[float, float]]:
    """Yield, by step, how far the loss and the weights have moved at most, so far."""
    loss = weights = 0.0
    for step, leader in enumerate(led.losses):
        loss = max(loss, *(relative(np.array(leader), np.array(draw.losses[step])) for draw in strayed))
        weights = max(weights, *(draw.weights[step] for draw in strayed))
        yield loss, weights


def _passed(free: FreeRun, followed: Followed, strayed: Sequence[Strayed], judged: int) -> RungResult:
    steps, moved = len(followed.losses), max(draw.weights[-1] for draw in strayed)
    rounded = sum(excess.places.size for excess in followed.excess if excess.step == steps - 1)
    detail = (
        f"{steps} steps compared, each from common weights; left alone the sides part by {free.weights[-1]:.0e}, and "
        f"torch from itself by {moved:.0e}, as rounding grows"
    ) + (f"; {rounded} numbers have gradients that are rounding" if rounded else "")
    lost = f"from step {judged + 1} on rounding leaves torch's own weights no digit: left alone they were not compared"
    gaps = [Gap(GapKind.ROUNDING, "training", lost)] if judged < steps else []
    counts = {"training steps": steps, "of them from common weights": steps}
    return RungResult(
        "training", True, detail, _worst(followed), limit=_LIMIT, counts=counts, gaps=(*_gaps(followed), *gaps)
    )


def _worst(followed: Followed) -> float:
    """Return the largest difference of a weight that needed no explanation."""
    explained = {excess.key for excess in followed.excess}
    steps = enumerate(followed.largest)
    needed_none = (size for step, sizes in steps for name, size in sizes.items() if key(step, name) not in explained)
    return max(needed_none, default=0.0)


def _gaps(followed: Followed) -> Iterator[Gap]:
    """Yield one for the weights of which most numbers were judged by what the optimizer makes of rounding."""
    sizes: dict[str, float] = {}
    for excess in followed.excess:
        if 2 * excess.places.size > excess.size:
            sizes[excess.name] = max(sizes.get(excess.name, 0.0), float(np.abs(excess.differences).max()))
    if sizes:
        detail = (
            "the network enlarges the rounding in their gradient, or it is the rounding of zero and the optimizer "
            f"makes a step of it: a step of theirs is compared to {max(sizes.values()):.0e}, not to {_LIMIT:.0e}"
        )
        yield Gap(GapKind.ROUNDING, in_short(sizes), detail)
