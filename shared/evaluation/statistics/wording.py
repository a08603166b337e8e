"""Verdicts in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.evaluation.statistics.power import MOST_SEEDS

if TYPE_CHECKING:
    from twotrack.shared.evaluation.statistics.verdict import Verdict


def in_words(metric: str, value: float, unit: bool = True) -> str:
    """Return a difference in a metric's customary unit, signed."""
    known = METRICS[metric]
    number = f"{100 * value:+.2f}" if known.in_points else f"{value:+.4f}"
    return f"{number} {_unit(metric)}" if unit else number


def sentence(verdict: "Verdict") -> str:
    """Return a verdict on two tracks in one sentence."""
    opening = f"{verdict.first} and {verdict.second} are {verdict.kind}: the difference"
    if verdict.kind == "equivalent":
        return f"{opening} of {_interval(verdict)} lies within the margin of {_margin(verdict)}"
    if verdict.kind == "different":
        return f"{opening} of {_interval(verdict)} lies beyond the margin of {_margin(verdict)}"
    return f"{opening} is {_interval(verdict)}, and {_reason(verdict)}; {_remedy(verdict)}"


def _interval(verdict: "Verdict") -> str:
    """Return the difference with the interval that decided."""
    low, high, confidence = verdict.low, verdict.high, 0.9
    if verdict.kind == "different":
        low, high, confidence = verdict.wide_low, verdict.wide_high, verdict.wide_confidence
    ends = ", ".join(in_words(verdict.metric, end, unit=False) for end in (low, high))
    seeds = _count(len(verdict.seed_tests))
    return f"{in_words(verdict.metric, verdict.difference)} [{ends}] ({100 * confidence:.3g} % interval, {seeds})"


def _reason(verdict: "Verdict") -> str:
    if len(verdict.seed_tests) == 1:
        return "one seed cannot tell the tracks from its own luck"
    return f"the interval reaches across the margin of {_margin(verdict)}"


def _remedy(verdict: "Verdict") -> str:
    if verdict.seeds_to_decide is None:
        return f"{MOST_SEEDS:,} seeds would not decide"
    return f"about {verdict.seeds_to_decide} seeds would decide"


def _margin(verdict: "Verdict") -> str:
    scale = 100 if METRICS[verdict.metric].in_points else 1
    return f"{scale * verdict.margin:g} {_unit(verdict.metric)}"


def _unit(metric: str) -> str:
    return "points" if METRICS[metric].in_points else METRICS[metric].label


def _count(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds"


def summary(verdicts: "Sequence[Verdict]") -> str:
    """Return one sentence about all pairs of tracks; empty if there is none."""
    if len(verdicts) < 2:
        return verdicts[0].text if verdicts else ""
    kinds = [verdict.kind for verdict in verdicts]
    kind = next(kind for kind in ("different", "undecided", "equivalent") if kind in kinds)
    if kind == "equivalent":
        return _all_equivalent(verdicts)
    worst = max((verdict for verdict in verdicts if verdict.kind == kind), key=lambda verdict: abs(verdict.difference))
    return f"{worst.text} ({kinds.count(kind)} of {len(kinds)} pairs of tracks are {kind})"


def _all_equivalent(verdicts: "Sequence[Verdict]") -> str:
    tracks = {name for verdict in verdicts for name in (verdict.first, verdict.second)}
    fewest = min(len(verdict.seed_tests) for verdict in verdicts)
    return (
        f"all {len(tracks)} tracks are equivalent: the 90 % interval of every difference, over at least "
        f"{_count(fewest)}, lies within the margin of {_margin(verdicts[0])}"
    )
