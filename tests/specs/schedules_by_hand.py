"""The rates of schedules written out in NumPy, for all steps at once; and a plateau's, from the losses of epochs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from twotrack.shared.spec.schedules import Plateau


def shares(schedule: Any, steps: int) -> np.ndarray:
    """Return the share of the learning rate of each of `steps` steps."""
    return _SHARES[type(schedule).__name__](schedule, np.arange(steps), steps)


def _long(duration: float, steps: int) -> float:
    return duration if isinstance(duration, int) else duration * steps


def _wave(progress: np.ndarray) -> np.ndarray:
    """From 1 to 0 as progress goes from 0 to 1."""
    return np.cos(np.pi / 2 * np.clip(progress, 0, 1)) ** 2


def _one_cycle(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    peak, low, last = s.warmup_share * steps - 1, 1 / s.start_divisor, 1 / s.start_divisor / s.end_divisor
    rise = low + (1 - low) * (1 - _wave(step / peak))
    return np.where(step < peak, rise, last + (1 - last) * _wave((step - peak) / (steps - 1 - peak)))


def _warm_up(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    rise = s.warmup_share * steps
    return np.where(step + 1 < rise, (step + 1) / rise, np.minimum(1, (steps - step) / (steps - rise)))


def _restarts(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    begins, period, found = 0.0, _long(s.period, steps), np.ones(steps)
    height = 1.0
    while begins < steps:
        found = np.where(step >= begins, s.end + (1 - s.end) * height * _wave((step - begins) / period), found)
        begins, period, height = begins + period, period * s.longer, height * s.lower
    return found


def _piecewise(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    return np.array(s.shares)[np.searchsorted([_long(one, steps) for one in s.boundaries], step, side="right")]


def _warm(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    rise = int(_long(s.length, steps))
    rest = shares(s.schedule, steps - rise)
    return np.concatenate([np.linspace(s.first, rest[0], rise, endpoint=False), rest])


def _per_epoch(s: Any, step: np.ndarray, steps: int) -> np.ndarray:
    return np.repeat(shares(s.schedule, -(-steps // s.steps_per_epoch)), s.steps_per_epoch)[:steps]


_SHARES: dict[str, Callable[[Any, np.ndarray, int], np.ndarray]] = {
    "Constant": lambda s, step, steps: np.ones(steps),
    "OneCycle": _one_cycle,
    "WarmUp": _warm_up,
    "StepDecay": lambda s, step, steps: np.power(s.decay, step // _long(s.every, steps)),
    "Exponential": lambda s, step, steps: np.exp(np.log(s.decay) * step / _long(s.every, steps)),
    "Cosine": lambda s, step, steps: s.end + (1 - s.end) * _wave(step / _long(s.length, steps)),
    "CosineRestarts": _restarts,
    "Linear": lambda s, step, steps: np.interp(step, [0, _long(s.length, steps)], [s.first, s.last]),
    "Polynomial": lambda s, step, steps: (
        s.end + (1 - s.end) * np.clip(1 - step / _long(s.length, steps), 0, 1) ** s.power
    ),
    "Piecewise": _piecewise,
    "Warm": _warm,
    "PerEpoch": _per_epoch,
}


class PlateauByHand:
    """Is asked behind every epoch; keeps all losses, and looks back over them."""

    def __init__(self, plateau: Plateau):
        self._plateau, self._losses, self._from = plateau, list[float](), 0
        self.share = 1.0

    def feed(self, loss: float) -> None:
        """Take in an epoch's loss; of a run of losses since the last fall, count those that are not better."""
        self._losses.append(loss)
        better = self._better()
        since = len(self._losses) - 1 - max(max(better, default=-1), self._from - 1)
        if since >= self._plateau.patience and self.share > self._plateau.lowest:
            self.share = max(self._plateau.lowest, self.share * self._plateau.decay)
            self._from = len(self._losses) + max(self._plateau.cooldown - 1, 0)

    def _better(self) -> list[int]:
        """Return the epochs whose loss was better than any before."""
        best, found = np.inf, []
        for epoch, loss in enumerate(self._losses):
            bar = best * (1 - self._plateau.threshold) if self._plateau.relative else best - self._plateau.threshold
            if loss < bar:
                best = loss
                found.append(epoch)
        return found
