"""One noisy metric of two logs: first what is exact, then the test against noise, then what would explain it."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.logs import luck, noise, parting, wording
from twotrack.shared.logs.alignment import Aligned
from twotrack.shared.logs.names import Match
from twotrack.shared.logs.relations import UNDONE, relation
from twotrack.shared.logs.result import MetricResult
from twotrack.shared.logs.twins import Twins, twins

FEWEST = 12
"""Points that a comparison needs; of fewer no order of signs is rare enough, whatever the difference."""
INDEPENDENT = 8.0
"""Independent points that a comparison needs; noise that remembers itself leaves fewer than the log has."""


@dataclass(frozen=True)
class Context:
    """What is known of a metric before the test."""

    match: Match
    aligned: Aligned
    """Finite points, up to the first that is not finite on one side."""
    noise: tuple[float, float]
    broken: str
    """Which side stops being finite after these points, and where; empty if none does."""


def examine_metric(
    match: Match, aligned: Aligned, digits: int, batch_sizes: tuple[float | None, float | None], level: float
) -> MetricResult:
    """Say whether, where and by how much one metric of two logs parts; `level` is the false-alarm rate of this test."""
    finite = np.isfinite(aligned.first) & np.isfinite(aligned.second)
    count = len(aligned) if finite.all() else int(np.argmin(finite))
    known = aligned.part(0, count)
    spread = (noise.step_noise(known.first), noise.step_noise(known.second))
    context = Context(match, known, spread, "")
    same = twins(known, digits, float(np.hypot(*spread) / np.sqrt(2)))
    if count < len(aligned) and _differently_broken(aligned, count):
        return wording.broken(context.match, aligned, count, same)
    if same is not None and same.kind == "parted":
        return wording.parted_exactly(match, known, spread, same)
    if len(known) < FEWEST:
        return wording.too_few(match, known, FEWEST, same)
    if same is not None and (same.kind == "equal" or len(known) - same.end < FEWEST):
        return wording.one_computation(match, known, spread, same)
    return _against_noise(context, same, batch_sizes, level)


def _differently_broken(aligned: Aligned, at: int) -> bool:
    """Tell whether only one side is infinite or no number at the point."""
    return bool(np.isfinite(aligned.first[at]) != np.isfinite(aligned.second[at]))


def _against_noise(
    context: Context, same: Twins | None, batch_sizes: tuple[float | None, float | None], level: float
) -> MetricResult:
    """Test what follows the part in which both are one computation."""
    start = same.end if same is not None else 0
    rest = context.aligned.part(start)
    margin = luck.margin(rest)
    found = parting.examine(rest.difference, level, margin)
    if found.correlation.independent(len(rest)) < INDEPENDENT:
        return wording.wanders(context.match, rest, context.noise, found, same)
    if found.first is None and margin.any():
        return _of_luck(context, rest, found, same, batch_sizes, level)
    if found.first is None:
        return wording.within_noise(context.match, rest, context.noise, found, same)
    explained = relation(rest, max(level, UNDONE), batch_sizes)
    return wording.parts(context.match, rest, context.noise, found, explained, same)


def _of_luck(
    context: Context,
    rest: Aligned,
    found: parting.Parting,
    same: Twins | None,
    batch_sizes: tuple[float | None, float | None],
    level: float,
) -> MetricResult:
    """Look whether only a head start explains the difference: that is said, unless it is a known other unit."""
    plain = parting.examine(rest.difference, level)
    if plain.first is None:
        return wording.within_noise(context.match, rest, context.noise, found, same)
    explained = relation(rest, max(level, UNDONE), batch_sizes, granted=False)
    if explained is not None and explained.meaning:
        return wording.parts(context.match, rest, context.noise, plain, explained, same)
    return wording.within_noise(context.match, rest, context.noise, found, same, plain)
