"""Verdicts in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twotrack.shared.base.tolerances import SCATTER_ROUNDING
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.evaluation.statistics.power import MOST_SEEDS

if TYPE_CHECKING:
    from twotrack.shared.evaluation.statistics.verdict import Verdict


_CONSTANT_ANSWERS = {"accuracy": "always answering the most frequent class", "roc_auc": "any constant answer"}


def in_words(metric: str, value: float, unit: bool = True) -> str:
    """Return a difference in a metric's customary unit, signed."""
    known = METRICS[metric]
    number = f"{100 * value:+.2f}" if known.in_points else f"{value:+.4f}"
    return f"{number} {_unit(metric)}" if unit else number


def sentence(verdict: "Verdict") -> str:
    """Return a verdict on two tracks in one sentence."""
    if verdict.kind == "neither learned":
        return (
            f"{verdict.first} and {verdict.second} are not shown to have learned: {_beside_constant(verdict)}; "
            f"so their difference of {_interval(verdict)} says nothing of the tracks"
        )
    opening = f"{verdict.first} and {verdict.second} are {verdict.kind}: the difference"
    if verdict.kind == "equivalent":
        return f"{opening} of {_interval(verdict)} lies within the margin of {margin_in_words(verdict)}"
    if verdict.kind == "different":
        unlearned = verdict.learning and not verdict.learning.shown
        addition = f"; neither is shown to have learned: {_beside_constant(verdict)}" if unlearned else ""
        return f"{opening} of {_interval(verdict)} lies beyond the margin of {margin_in_words(verdict)}{addition}"
    return f"{opening} is {_interval(verdict)}, and {_reason(verdict)}; {_remedy(verdict)}"


def _beside_constant(verdict: "Verdict") -> str:
    """Return both tracks' scores, no interval of which lies above the constant answer's."""
    beside = verdict.learning
    assert beside is not None
    scores = " and ".join(
        f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]" for score in (beside.first, beside.second)
    )
    answer = _CONSTANT_ANSWERS[verdict.metric]
    return (
        f"{METRICS[verdict.metric].label} {scores} (90 % intervals, {_count(len(verdict.seed_tests))}) does not lie "
        f"above the {beside.constant:.4f} of {answer}"
    )


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
        luck = "one seed cannot tell the tracks from its own luck"
        return f"{luck}: that its two models score the same does not say how others scatter" if _zero(verdict) else luck
    return f"the interval reaches across the margin of {margin_in_words(verdict)}"


def _remedy(verdict: "Verdict") -> str:
    if verdict.seeds_to_decide is None:
        return f"{MOST_SEEDS:,} seeds would not decide"
    assumed = ", if they scatter no more than the test examples let this one" if _zero(verdict) else ""
    return f"about {verdict.seeds_to_decide} seeds would decide{assumed}"


def _zero(verdict: "Verdict") -> bool:
    """Tell a single seed without a difference, which looks more decided than it is."""
    return len(verdict.seed_tests) == 1 and abs(verdict.difference) <= SCATTER_ROUNDING


def margin_in_words(verdict: "Verdict") -> str:
    """Return the margin of a verdict with its unit."""
    scale = 100 if METRICS[verdict.metric].in_points else 1
    return f"{scale * verdict.margin:g} {_unit(verdict.metric)}"


def _unit(metric: str) -> str:
    return "points" if METRICS[metric].in_points else METRICS[metric].label


def _count(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds"


def furthest(verdicts: "Sequence[Verdict]") -> "Verdict":
    """Return the verdict, of one or more, that is furthest from equivalent."""
    kinds = [verdict.kind for verdict in verdicts]
    kind = next(kind for kind in ("different", "neither learned", "undecided", "equivalent") if kind in kinds)
    return max((verdict for verdict in verdicts if verdict.kind == kind), key=lambda verdict: abs(verdict.difference))


def summary(verdicts: "Sequence[Verdict]") -> str:
    """Return one sentence about all pairs of tracks; empty if there is none."""
    if len(verdicts) < 2:
        return verdicts[0].text if verdicts else ""
    worst, kinds = furthest(verdicts), [verdict.kind for verdict in verdicts]
    if worst.kind == "equivalent":
        return _all_equivalent(verdicts)
    state = "not shown to have learned" if worst.kind == "neither learned" else worst.kind
    return f"{worst.text} ({kinds.count(worst.kind)} of {len(kinds)} pairs of tracks are {state})"


def _all_equivalent(verdicts: "Sequence[Verdict]") -> str:
    tracks = {name for verdict in verdicts for name in (verdict.first, verdict.second)}
    fewest = min(len(verdict.seed_tests) for verdict in verdicts)
    return (
        f"all {len(tracks)} tracks are equivalent: the 90 % interval of every difference, over at least "
        f"{_count(fewest)}, lies within the margin of {margin_in_words(verdicts[0])}"
    )
