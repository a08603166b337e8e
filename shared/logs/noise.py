"""How noisy a logged series is, and how long its noise remembers itself, from the series alone."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WINDOW = 50
"""Points, at least, of a stretch in which a correlation is measured: a shift between two stretches is none."""
STRETCHES = 6
LONG = 20
ERRORS = 1.5
BOUND = 6.0
ROBUST = 1.4826
"""Standard deviation of normal numbers by the median of their absolute values."""


def step_noise(values: np.ndarray) -> float:
    """Return the standard deviation of what changes from point to point; a trend, even a curved one, is not in it.

    From second differences, which a straight line does not have; robust to rare jumps. 0 with fewer than 3 points.
    """
    if len(values) < 3:
        return 0.0
    bends = values[2:] - 2 * values[1:-1] + values[:-2]
    return float(ROBUST * np.median(np.abs(bends)) / np.sqrt(6))


def local_scale(values: np.ndarray, width: int) -> np.ndarray:
    """Return the median absolute value in the `width` points around each point; signs play no part in it."""
    width = min(width, len(values))
    medians = np.median(sliding_window_view(np.abs(values), width), axis=-1)
    before = width // 2
    return np.pad(medians, (before, width - 1 - before), mode="edge")


def standardised(values: np.ndarray, width: int, bound: float) -> np.ndarray:
    """Divide by the local scale and cut off at `bound` standard deviations: an odd function of the signs."""
    return np.clip(values / scale(values, width), -bound, bound)


def scale(values: np.ndarray, width: int) -> np.ndarray:
    """Return the local standard deviation around 0, above 0 everywhere, by the median of absolute values, (points,)."""
    found = ROBUST * local_scale(values, width)
    typical = np.median(found[found > 0]) if (found > 0).any() else 1.0
    return np.maximum(found, 1e-3 * typical)


@dataclass(frozen=True)
class Correlation:
    """First-order correlation of neighbouring noise, from 0 to 1."""

    likely: float
    upper: float
    """With standard errors added: what is taken out, so that too little is rarely."""

    def independent(self, points: int) -> float:
        """Return how many independent points tell as much as `points` of this correlation."""
        return points / memory((self.likely + self.upper) / 2)


def correlation(differences: np.ndarray) -> Correlation:
    """Estimate the correlation of neighbouring noise.

    Measured in stretches, each around its own mean, of which the median counts, so that a shift of the mean or a jump
    is not taken for correlation. A stretch is long against what it measures: at least `LONG` times as long as the noise
    remembers itself. Corrected for the bias of short stretches. Measured on one scale and on the local one, which heavy
    tails and a noise that decays need; the larger counts, as a local scale also follows a noise that wanders.
    """
    whole = standardised(differences, len(differences), BOUND)
    local = standardised(differences, max(25, len(differences) // 5), BOUND)
    found = [_estimate(values) for values in (whole, local)]
    return Correlation(max(one.likely for one in found), max(one.upper for one in found))


def _estimate(values: np.ndarray) -> Correlation:
    count = max(min(len(values) // WINDOW, STRETCHES), 1)
    while True:
        measured = float(np.median([_first_order(stretch) for stretch in np.array_split(values, count)]))
        if count == 1 or len(values) / count >= LONG * memory(measured):
            break
        count -= 1
    error = np.sqrt(max(1 - measured**2, 0.0) / len(values)) * (1.25 if count > 1 else 1.0)
    return Correlation(float(np.clip(measured, 0, 1)), float(np.clip(measured + ERRORS * error, 0, 1)))


def memory(correlation: float) -> float:
    """Return how many neighbouring points tell as much as one independent point, at a first-order correlation."""
    return (1 + correlation) / max(1 - correlation, 1e-9)


def _first_order(values: np.ndarray) -> float:
    """Return the first-order autocorrelation around the mean, without a short series' bias (Kendall 1954)."""
    around = values - values.mean()
    total = (around**2).sum()
    if total == 0:
        return 0.0
    found = (around[1:] * around[:-1]).sum() / total
    return float(np.clip((found + 1 / len(values)) / (1 - 3 / len(values)), -1.0, 1.0))
