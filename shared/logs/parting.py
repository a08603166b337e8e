"""Whether two noisy series part, and where: windows of all lengths, with one false-alarm rate over all of them.

Under the hypothesis that both logs come from one process, their difference is as likely as its negative. So the blocks
of the whitened difference may have their signs flipped at random, which leaves spread and heavy tails as they are: that
gives the distribution of the largest window statistic, whatever the noise's distribution is and however it decays.
"""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.logs import noise

SMALLEST = 8
"""Blocks of the shortest window, and of the shortest series: fewer signs alone can never be rare enough."""
MOST_BLOCKS = 192
FLIPS = 4999
"""Draws of random signs at most."""
ENOUGH = 25
"""Draws that exceed what was found, after which the p-value is known well enough (Besag and Clifford 1991)."""
AT_ONCE = 500
SAME = 1e-9
"""Two statistics that differ by less are one."""
BOUND = 6.0
"""Standard deviations at which one block's weight ends, so that one outlier decides nothing."""
LIMIT_ERRORS = 3.7
"""Standard errors of a mean that the largest statistic reaches by chance about once in 100 comparisons."""
SCALE_WIDTH = 25
"""Blocks around a block that tell its scale."""


@dataclass(frozen=True)
class Parting:
    """What the test says of one series of differences."""

    p_value: float
    """Of the largest statistic over all windows, by sign flips."""
    correlation: noise.Correlation
    """Of neighbouring points, as it was taken out."""
    first: int | None
    """Index of the point from which they probably part; None if they do not."""
    certain: int | None
    """Index of the point by which they have parted: the end of the first window that shows it."""
    largest: tuple[int, int]
    """Points of the window with the largest statistic: first, and one past the last."""
    blocks: int
    granted: float
    """Median of the margin around 0, in the unit of the differences."""


def examine(differences: np.ndarray, level: float, margin: np.ndarray | float = 0.0, seed: int = 0) -> Parting:
    """Test whether the differences (points,) are noise around at most `margin`, at a false-alarm rate of `level`."""
    correlation = noise.correlation(differences)
    whitened = _whitened(differences, correlation.upper)
    edges = _edges(len(whitened))
    sums = np.add.reduceat(whitened, edges[:-1])
    blocks = noise.standardised(sums, SCALE_WIDTH, BOUND)
    granted = _granted(np.broadcast_to(margin, len(whitened)) * (1 - correlation.upper), edges, sums, blocks)
    windows = _windows(len(blocks))
    found = _statistics(blocks[np.newaxis], windows, granted)[0]
    largest = _largest_by_chance(blocks, windows, found.max(), seed)
    p_value = (1 + int((largest >= found.max() - SAME).sum())) / (1 + len(largest))
    top = windows[int(found.argmax())]
    first = certain = None
    if p_value <= level:
        limit = np.sort(largest)[-max(int(level * (1 + len(largest))), 1)]
        end = int(windows[found >= min(limit, found.max())][:, 1].min())
        first, certain = int(edges[_onset(blocks, granted, end)]), int(edges[end]) - 1
    strongest = (int(edges[top[0]]), int(edges[top[1]]))
    return Parting(p_value, correlation, first, certain, strongest, len(blocks), float(np.median(margin)))


def _whitened(values: np.ndarray, correlation: float) -> np.ndarray:
    """Take from each value what it has from the one before it."""
    first = values[:1] * np.sqrt(1 - correlation**2)
    return np.concatenate([first, values[1:] - correlation * values[:-1]])


def _edges(points: int) -> np.ndarray:
    """Return where blocks of about equal length begin, and the end."""
    return np.linspace(0, points, min(points, MOST_BLOCKS) + 1).astype(int)


def _windows(blocks: int) -> np.ndarray:
    """Return (windows, 2), first block and one past the last: lengths that double, moved by a quarter each."""
    found = {(0, blocks)}
    length = SMALLEST
    while length < blocks:
        step = max(length // 4, 1)
        found |= {(start, start + length) for start in range(0, blocks - length + 1, step)} | {
            (blocks - length, blocks)
        }
        length *= 2
    return np.array(sorted(found))


def _granted(margin: np.ndarray, edges: np.ndarray, sums: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Return the margin of each block in the block's own unit, (blocks,)."""
    scale = noise.scale(sums, SCALE_WIDTH)
    return np.minimum(np.add.reduceat(margin, edges[:-1]) / scale, np.abs(blocks).max(initial=0.0) + BOUND)


def _statistics(blocks: np.ndarray, windows: np.ndarray, granted: np.ndarray | None = None) -> np.ndarray:
    """Return |sum|, less what is granted, by the root of the sum of squares, (draws, windows), of (draws, blocks)."""
    sums = np.pad(np.cumsum(blocks, axis=1), ((0, 0), (1, 0)))
    squares = np.pad(np.cumsum(blocks[0] ** 2), (1, 0))
    spread = np.sqrt(np.maximum(squares[windows[:, 1]] - squares[windows[:, 0]], 0))
    moved = np.abs(sums[:, windows[:, 1]] - sums[:, windows[:, 0]])
    if granted is not None:
        totals = np.pad(np.cumsum(granted), (1, 0))
        moved = np.maximum(moved - (totals[windows[:, 1]] - totals[windows[:, 0]]), 0)
    return np.divide(moved, spread, out=np.zeros_like(moved), where=spread > 1e-12)


def _largest_by_chance(blocks: np.ndarray, windows: np.ndarray, found: float, seed: int) -> np.ndarray:
    """Return the largest statistic of each draw of random signs, (draws,): fewer where many exceed what was found."""
    generator, largest = np.random.default_rng(seed), np.empty(0)
    while len(largest) < FLIPS and (largest >= found - SAME).sum() < ENOUGH:
        count = min(AT_ONCE, FLIPS - len(largest))
        signs = generator.integers(0, 2, (count, len(blocks))) * 2 - 1
        largest = np.concatenate([largest, _statistics(signs * blocks, windows).max(axis=1)])
    return largest


def _onset(blocks: np.ndarray, granted: np.ndarray, end: int) -> int:
    """Return the block from which on, up to `end`, the mean is farthest beyond what is granted for its length."""
    tails, margins = (np.cumsum(values[:end][::-1])[::-1] for values in (blocks, granted))
    return int(np.argmax((np.abs(tails) - margins) / np.sqrt(end - np.arange(end))))
