"""What another seed explains while a loss still falls: other initial weights are ahead or behind for a while.

Noise from step to step says nothing of it, so it is granted: a second training may be where the first is after
`HEAD_START` times as many steps, or after so many times fewer. Once a curve is flat, that explains no difference.
"""

import numpy as np
from sklearn.isotonic import isotonic_regression

from twotrack.shared.logs.alignment import Aligned
from twotrack.shared.logs.noise import step_noise

HEAD_START = 1.5
"""By how much one seed may be faster than another."""
START = 0.05
"""Share of the log that one seed may be ahead at the start, where there are no steps to multiply yet."""
STRETCHES = 16
"""Means of which the trend of a curve is made."""
ERRORS = 1.0
"""Standard errors of a mean that are taken off: so much the trend of a flat curve moves by noise alone."""
SAME_START = 1e-5
"""Relative difference of the first values at most, if both begin with the same weights and the same batch."""
SAME_BATCHES = 0.5
"""Correlation of both logs' changes from step to step, from which on they see the same batches."""


def margin(aligned: Aligned) -> np.ndarray:
    """Return how large a difference (points,) a head start explains; the smaller of both logs' answers."""
    if same_seed(aligned):
        return np.zeros(len(aligned))
    return np.minimum(*(_explained(aligned.positions, values) for values in (aligned.first, aligned.second)))


def same_seed(aligned: Aligned) -> bool:
    """Tell whether both begin with one loss and rise and fall together: then another seed explains nothing."""
    if len(aligned) < 3 or not aligned.as_logged or aligned.relative[0] > SAME_START:
        return False
    first, second = np.diff(aligned.first), np.diff(aligned.second)
    return bool(first.std() > 0 and second.std() > 0 and np.corrcoef(first, second)[0, 1] > SAME_BATCHES)


def _explained(positions: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how far the trend is from a point to where a head start would put it, (points,)."""
    centres, trend = _trend(positions, values)
    ahead = START * np.ptp(positions)
    now = np.interp(positions, centres, trend)
    before = np.interp(positions / HEAD_START - ahead, centres, trend)
    after = np.interp(positions * HEAD_START + ahead, centres, trend)
    found = np.maximum(np.abs(before - now), np.abs(after - now))
    return np.maximum(found - ERRORS * step_noise(values) * np.sqrt(len(centres) / len(values)), 0)


def _trend(positions: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions and values of a curve that only falls, or only rises, as the series does as a whole."""
    edges = np.unique(np.linspace(0, len(values), min(STRETCHES, len(values)) + 1).astype(int))
    counts = np.diff(edges)
    centres, means = (np.add.reduceat(one, edges[:-1]) / counts for one in (positions, values))
    quarter = max(len(means) // 4, 1)
    rises = means[-quarter:].mean() > means[:quarter].mean()
    return centres, isotonic_regression(means, sample_weight=counts.astype(float), increasing=bool(rises))
