"""Learning-rate schedules as plain data: what share of the optimizer's learning rate each step has."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The optimizer's learning rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return 1.0


@dataclass(frozen=True)
class OneCycle:
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
class WarmUp:
    """A straight rise to the learning rate and a straight fall to zero (Devlin et al. 2019, appendix A.2)."""

    warmup_share: float

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`; the first is not zero, nor is the last."""
        rise = self.warmup_share * steps
        return min(1.0, (step + 1) / rise if rise else 1.0, (steps - step) / (steps - rise))


def _cosine(first: float, last: float, progress: float) -> float:
    """Half a cosine wave from `first` to `last` as progress goes from 0 to 1."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * progress))


Schedule = Constant | OneCycle | WarmUp
