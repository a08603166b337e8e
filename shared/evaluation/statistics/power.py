"""How many seeds would decide: the power of the t-tests behind a verdict."""

from bisect import bisect_left

POWER = 0.8
MOST_SEEDS = 1000
_LARGEST_EFFECT = 30.0
"""In standard deviations; beyond, every number of seeds has power 1, and the noncentral t overflows."""


def seeds_to_decide(difference: float, deviation: float, margin: float, level: float) -> int | None:
    """Return with how many seeds the verdict is decided in 80 % of cases; None if 1,000 are too few.

    Assumes that `difference` is the true one and that seeds scatter around it by `deviation`, normally. Inside
    the margin two one-sided tests at 5 % have to show it, beyond it a two-sided one at `level`.
    """
    counts = range(2, MOST_SEEDS + 1)
    position = bisect_left(counts, POWER, key=lambda seeds: _power(seeds, abs(difference), deviation, margin, level))
    return counts[position] if position < len(counts) else None


def _power(seeds: int, difference: float, deviation: float, margin: float, level: float) -> float:
    if difference > margin:
        return _one_sided(difference - margin, deviation, seeds, level / 2)
    missed = [
        1 - _one_sided(distance, deviation, seeds, 0.05) for distance in (margin - difference, margin + difference)
    ]
    return max(0.0, 1 - sum(missed))


def _one_sided(distance: float, deviation: float, seeds: int, level: float) -> float:
    effect = min(distance / deviation, _LARGEST_EFFECT) if deviation else _LARGEST_EFFECT
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().power(effect, seeds, level, alternative="larger"))
