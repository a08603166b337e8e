"""Learning-rate schedules as plain data: what share of the optimizer's learning rate each step has.

Steps are batches, counted from 0. A length of time is an int, so many steps, or a float, that share of the training.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twotrack.shared.errors import UserError

Duration = int | float
"""An int counts steps; a float is a share of the training, 1.0 all of it."""
ROUNDING = 1e-9
"""By how much less than a whole number counts as that: shares of a training are not exact."""


def length(duration: Duration, steps: int) -> float:
    """Return a length of time in steps, which need not be whole."""
    return duration if isinstance(duration, int) else duration * steps


class Scheduled(ABC):
    """What every schedule answers."""

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""

    def factors(self, steps: int, per_epoch: int | None = None) -> list[float]:
        """Return the share of each of `steps` steps, so many in an epoch; None where there are no epochs.

        UserError for a schedule by epochs where there are none, unless it says itself how long they are.
        """
        of_epochs = resolved(self, per_epoch)
        return [of_epochs.factor(step, steps) for step in range(steps)]


@dataclass(frozen=True)
class Constant(Scheduled):
    """The optimizer's learning rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return 1.0


@dataclass(frozen=True)
class OneCycle(Scheduled):
    """One cosine rise and one cosine fall of the learning rate (Smith and Topin 2018).

    Starts at 1/start_divisor, reaches 1 after warmup_share of the steps and ends at
    1/(start_divisor * end_divisor) of the optimizer's learning rate; the two-phase form of
    torch.optim.lr_scheduler.OneCycleLR. The momentum stays constant.
    """

    warmup_share: float
    start_divisor: float
    end_divisor: float

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak learning rate at `step` (0-based) of `steps`."""
        peak = self.warmup_share * steps - 1
        start, end = 1 / self.start_divisor, 1 / (self.start_divisor * self.end_divisor)
        if step < peak:
            return _cosine(start, 1.0, step / peak)
        return _cosine(1.0, end, (step - peak) / (steps - 1 - peak))


@dataclass(frozen=True)
class WarmUp(Scheduled):
    """A straight rise to the learning rate and a straight fall to zero (Devlin et al. 2019, appendix A.2)."""

    warmup_share: float

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`; the first is not zero, nor is the last."""
        rise = self.warmup_share * steps
        return min(1.0, (step + 1) / rise if rise else 1.0, (steps - step) / (steps - rise))


@dataclass(frozen=True)
class StepDecay(Scheduled):
    """decay^floor(step / every).

    torch.optim.lr_scheduler.StepLR; keras.optimizers.schedules.ExponentialDecay as a staircase.
    """

    every: Duration
    decay: float = 0.1

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return self.decay ** math.floor(step / length(self.every, steps) + ROUNDING)


@dataclass(frozen=True)
class Exponential(Scheduled):
    """decay^(step / every).

    keras.optimizers.schedules.ExponentialDecay; torch.optim.lr_scheduler.ExponentialLR where `every` is 1.
    """

    decay: float
    every: Duration = 1.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return self.decay ** (step / length(self.every, steps))


@dataclass(frozen=True)
class Cosine(Scheduled):
    """end + (1 - end) * (1 + cos(pi * step / length)) / 2, and `end` from there on (Loshchilov and Hutter 2017).

    keras.optimizers.schedules.CosineDecay; torch.optim.lr_scheduler.CosineAnnealingLR up to its end.
    """

    length: Duration = 1.0
    end: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return _cosine(1.0, self.end, min(1.0, step / length(self.length, steps)))


@dataclass(frozen=True)
class CosineRestarts(Scheduled):
    """A cosine, begun again behind every period; each is `longer` times as long and `lower` times as high as the last.

    end + (1 - end) * lower^n * (1 + cos(pi * step / period)) / 2, n periods done, step counted from the last restart
    (Loshchilov and Hutter 2017). keras.optimizers.schedules.CosineDecayRestarts; with `lower` 1,
    torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
    """

    period: Duration
    longer: float = 1.0
    lower: float = 1.0
    end: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        begun, period, number = 0.0, length(self.period, steps), 0
        while step >= begun + period - ROUNDING:
            begun, period, number = begun + period, period * self.longer, number + 1
        wave = _cosine(1.0, 0.0, max(0.0, step - begun) / period)
        return self.end + (1 - self.end) * self.lower**number * wave


@dataclass(frozen=True)
class Linear(Scheduled):
    """A straight line from `first` at step 0 to `last` at step `length`, and `last` from there on.

    torch.optim.lr_scheduler.LinearLR.
    """

    first: float = 1.0
    last: float = 0.0
    length: Duration = 1.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return self.first + (self.last - self.first) * min(1.0, step / length(self.length, steps))


@dataclass(frozen=True)
class Polynomial(Scheduled):
    """end + (1 - end) * (1 - step / length)^power, and `end` from there on.

    keras.optimizers.schedules.PolynomialDecay; torch.optim.lr_scheduler.PolynomialLR where `end` is 0.
    """

    power: float = 1.0
    end: float = 0.0
    length: Duration = 1.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return self.end + (1 - self.end) * max(0.0, 1 - step / length(self.length, steps)) ** self.power


@dataclass(frozen=True)
class Piecewise(Scheduled):
    """factors[i] from boundaries[i - 1] on, up to, not including, boundaries[i].

    torch.optim.lr_scheduler.MultiStepLR. keras.optimizers.schedules.PiecewiseConstantDecay changes one step later.
    """

    boundaries: tuple[Duration, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.boundaries) + 1:
            raise UserError(
                f"Piecewise: expected one share more than boundaries, found {len(self.shares)} and "
                f"{len(self.boundaries)}."
            )

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return self.shares[sum(step >= length(one, steps) - ROUNDING for one in self.boundaries)]


@dataclass(frozen=True)
class Warm(Scheduled):
    """A straight rise from `first` at step 0 to the begin of a schedule at step `length`, which has all steps after it.

    With `first` 0 the first step moves nothing, as in keras.optimizers.schedules.CosineDecay(warmup_steps=...). In
    torch a SequentialLR of LinearLR and another.
    """

    length: Duration
    schedule: "Schedule"
    first: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        rise = math.ceil(length(self.length, steps) - ROUNDING)
        left = max(steps - rise, 1)
        if step >= rise:
            return self.schedule.factor(step - rise, left)
        return self.first + (self.schedule.factor(0, left) - self.first) * step / rise


@dataclass(frozen=True)
class PerEpoch(Scheduled):
    """A schedule that goes on once in an epoch: its steps are epochs, from 0."""

    schedule: "Schedule"
    steps_per_epoch: int | None = None
    """None for those of the recipe; a pair has no epochs of its own."""

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        if self.steps_per_epoch is None:
            raise UserError("PerEpoch: expected steps_per_epoch=..., as there are no epochs here, found none.")
        return self.schedule.factor(step // self.steps_per_epoch, math.ceil(steps / self.steps_per_epoch))


@dataclass(frozen=True)
class Plateau(Scheduled):
    """A learning rate that falls where the validation loss does no longer.

    Behind every epoch it is fed the loss on the validation split: that of averaged weights if there are any. The loss
    is better if it is below the best so far by more than `threshold` (times the best if that is relative). At the
    patience-th epoch in a row without, from the first step of the next epoch on, the rate is `decay` times what it was,
    and at least `lowest` times the optimizer's. Of the `cooldown` epochs behind a fall all but the last do not count.

    keras.callbacks.ReduceLROnPlateau; in torch.optim.lr_scheduler.ReduceLROnPlateau both numbers are one less.
    """

    decay: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    relative: bool = False
    cooldown: int = 0
    lowest: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`, as long as nothing was fed."""
        return 1.0


def _cosine(first: float, last: float, progress: float) -> float:
    """Half a cosine wave from `first` to `last` as progress goes from 0 to 1."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * progress))


Schedule = (
    Constant
    | OneCycle
    | WarmUp
    | StepDecay
    | Exponential
    | Cosine
    | CosineRestarts
    | Linear
    | Polynomial
    | Piecewise
    | Warm
    | PerEpoch
    | Plateau
)

SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(),
    "one_cycle": OneCycle(warmup_share=0.3, start_divisor=25.0, end_divisor=1e4),
    "warm_up": WarmUp(warmup_share=0.1),
    "step": PerEpoch(StepDecay(every=1, decay=0.5)),
    "exponential": Exponential(decay=0.01),
    "cosine": Cosine(),
    "cosine_restarts": CosineRestarts(period=0.25),
    "linear": Linear(),
    "polynomial": Polynomial(power=2.0),
    "piecewise": Piecewise((0.5, 0.75), (1.0, 0.1, 0.01)),
    "warm_cosine": Warm(0.1, Cosine()),
    "plateau": Plateau(patience=2),
}
"""By the name that `--set schedule=NAME` takes."""


def within(schedule: Schedule) -> Iterator[Schedule]:
    """Yield a schedule and those that it is made of."""
    yield schedule
    if isinstance(schedule, Warm | PerEpoch):
        yield from within(schedule.schedule)


def resolved(schedule: Any, steps_per_epoch: int | None) -> Any:
    """Return a schedule in which all know how long an epoch is."""
    if not isinstance(schedule, Warm | PerEpoch):
        return schedule
    inner = resolved(schedule.schedule, steps_per_epoch)
    if isinstance(schedule, PerEpoch) and schedule.steps_per_epoch is None:
        return replace(schedule, schedule=inner, steps_per_epoch=steps_per_epoch)
    return replace(schedule, schedule=inner)


def plateau_of(schedule: Schedule) -> Plateau | None:
    """Return what of a schedule falls where the validation loss does no longer."""
    return next((one for one in within(schedule) if isinstance(one, Plateau)), None)


class PlateauWatch:
    """Is fed a validation loss behind every epoch."""

    def __init__(self, plateau: Plateau):
        self._plateau = plateau
        self.share, self._best, self._waited, self._cooling = 1.0, math.inf, 0, 0

    def feed(self, loss: float) -> float:
        """Return the share of the learning rate from here on."""
        if self._cooling:
            self._cooling -= 1
            self._waited = 0
        if self._is_better(loss):
            self._best, self._waited = loss, 0
        elif not self._cooling:
            self._waited += 1
            if self._waited >= self._plateau.patience and self.share > self._plateau.lowest:
                self.share = max(self.share * self._plateau.decay, self._plateau.lowest)
                self._cooling, self._waited = self._plateau.cooldown, 0
        return self.share

    def _is_better(self, loss: float) -> bool:
        if self._plateau.relative:
            return loss < self._best * (1 - self._plateau.threshold)
        return loss < self._best - self._plateau.threshold

    @property
    def state(self) -> dict[str, float]:
        """What the next losses are judged by."""
        return {"share": self.share, "best": self._best, "waited": self._waited, "cooling": self._cooling}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a state."""
        self.share, self._best = state["share"], state["best"]
        self._waited, self._cooling = int(state["waited"]), int(state["cooling"])
