"""The results of one metric, with the sentence that says each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.logs import parting
from twotrack.shared.logs.alignment import Aligned
from twotrack.shared.logs.names import Match
from twotrack.shared.logs.parting import Parting
from twotrack.shared.logs.rates import RateDifference
from twotrack.shared.logs.relations import Relation
from twotrack.shared.logs.result import MetricResult, Status
from twotrack.shared.logs.twins import Twins

Noise = tuple[float, float]


def place(along: str, position: float) -> str:
    """Return a position in words."""
    if along == "examples":
        return f"{position:,.0f} examples"
    return f"{along} {position:,.10g}"


def rate(match: Match, aligned: Aligned, found: RateDifference | None) -> MetricResult:
    """Return the result of a learning rate, which is compared exactly."""
    if len(aligned) < 2:
        return _result(match, aligned, "undecided", f"{len(aligned)} points in common; expected at least 2")
    if found is None:
        end = place(aligned.along, aligned.positions[-1])
        return _result(match, aligned, "equal", f"the same at all {len(aligned):,} points, up to {end}", exact=True)
    position = float(aligned.positions[found.first])
    first, second = aligned.first[found.first], aligned.second[found.first]
    detail = f"{first:.6g} against {second:.6g} at {place(aligned.along, position)}{_ratio(found)}"
    fields: dict[str, Any] = {"first": position, "certain": position, "exact": True, "relation": _schedule(found)}
    if found.moved:
        detail = f"{detail}; {_schedule(found)}"
    return _result(
        match, aligned, "parts", f"{detail}; {found.differing:,} of {len(aligned):,} points differ", **fields
    )


def _ratio(found: RateDifference) -> str:
    if found.ratio is not None:
        return f", {found.ratio:.6g} times as much from there on"
    return f", {found.ratio_there:.6g} times as much there" if found.ratio_there is not None else ""


def _schedule(found: RateDifference) -> str:
    if found.moved:
        when = "later" if found.moved > 0 else "earlier"
        return f"one schedule: the second states it one logged point {when}, before against after the schedule's step"
    return f"factor {found.ratio:.6g}" if found.ratio is not None else ""


def broken(match: Match, aligned: Aligned, at: int, same: Twins | None) -> MetricResult:
    """Return the result where one side is no finite number and the other is."""
    position = float(aligned.positions[at])
    side = "the second" if np.isfinite(aligned.first[at]) else "the first"
    value = aligned.second[at] if np.isfinite(aligned.first[at]) else aligned.first[at]
    detail = f"{side} is {value} from {place(aligned.along, position)} on, the other is not"
    fields = {"first": position, "certain": position, "exact": True, "equal_until": _equal_until(aligned, same)}
    return _result(match, aligned, "parts", detail, **fields)


def parted_exactly(match: Match, aligned: Aligned, noise: Noise, same: Twins) -> MetricResult:
    """Return the result of two computations that were one up to a point."""
    position, rest = float(aligned.positions[same.end]), aligned.part(same.end)
    before = _up_to(aligned, same.equal) if same.equal else ""
    rounding = same.end > same.equal
    so_far = f"then but for rounding, {same.smallest:.0e} and more" if rounding else ""
    until = ", ".join(part for part in (before, so_far) if part)
    detail = f"{until}; at {place(aligned.along, position)} they differ by {same.largest:.1e} of the value at once"
    fields = {"first": position, "certain": position, "exact": True, "difference": float(rest.difference.mean())}
    return _result(match, aligned, "parts", detail, noise=noise, equal_until=_equal_until(aligned, same), **fields)


def too_few(match: Match, aligned: Aligned, needed: int, same: Twins | None) -> MetricResult:
    """Return the result of too few points, which is never that both are equal."""
    detail = f"{len(aligned)} points in common; at least {needed} are needed to tell a difference from noise"
    if same is not None and same.equal:
        detail = f"{detail}; {_up_to(aligned, same.equal)}"
    return _result(match, aligned, "undecided", detail, equal_until=_equal_until(aligned, same))


def one_computation(match: Match, aligned: Aligned, noise: Noise, same: Twins) -> MetricResult:
    """Return the result of two logs of one computation."""
    fields = {"noise": noise, "exact": same.kind == "equal", "equal_until": _equal_until(aligned, same)}
    if same.kind == "equal":
        return _result(match, aligned, "equal", _up_to(aligned, same.equal), **fields)
    return _result(match, aligned, "rounding", _grown(aligned, same), difference=_mean(aligned), **fields)


def wanders(match: Match, aligned: Aligned, noise: Noise, found: Parting, same: Twins | None) -> MetricResult:
    """Return the result of a difference whose neighbours are so alike that there are few independent ones."""
    count = found.correlation.independent(len(aligned))
    detail = (
        f"the difference wanders slowly, its neighbours correlate by {found.correlation.likely:.2f}: "
        f"{len(aligned):,} points tell as much as {count:.1f} independent ones, 8 are needed; "
        "repeat with other seeds (--against)"
    )
    return _result(match, aligned, "undecided", detail, **_tested(aligned, noise, found, same))


def within_noise(
    match: Match, aligned: Aligned, noise: Noise, found: Parting, same: Twins | None, plain: Parting | None = None
) -> MetricResult:
    """Return the result of two logs that noise explains; `plain`: the test without a head start, if that parts."""
    seen = _smallest(aligned, found)
    detail = f"no difference that noise does not explain; one of {seen:.2g} from the start on would have shown"
    status: Status = "within noise"
    if same is not None:
        status, detail = "rounding", f"{_grown(aligned, same)}; after that, {detail}"
    notes: tuple[str, ...] = ()
    if plain is not None:
        start = place(aligned.along, float(aligned.positions[plain.first or 0]))
        notes = (f"from about {start} on a head start, as another seed may have, explains what noise alone does not",)
    return _result(match, aligned, status, detail, notes=notes, **_tested(aligned, noise, found, same))


def parts(
    match: Match,
    aligned: Aligned,
    noise: Noise,
    found: Parting,
    explained: Relation | None,
    same: Twins | None,
) -> MetricResult:
    """Return the result of two logs that part."""
    first, certain = (found.first or 0), (found.certain or 0)
    after = aligned.part(first)
    size, level = float(after.difference.mean()), float(np.abs(after.first).mean())
    share = f" ({abs(size) / level:.1%})" if level > 0 else ""
    detail = f"the second is {'higher' if size > 0 else 'lower'} by {abs(size):.3g}{share} from there on, p {_p(found)}"
    if explained is not None:
        detail = f"{detail}; {_relation(explained)} undoes it (then p {explained.p_value:.2g})"
    fields = _tested(aligned, noise, found, same) | {
        "first": float(aligned.positions[first]),
        "certain": float(aligned.positions[certain]),
        "difference": size,
        "relation": _relation(explained) if explained else "",
    }
    notes = (f"before, {_grown(aligned, same)}",) if same is not None else ()
    return _result(match, aligned, "parts", detail, notes=notes, **fields)


@dataclass(frozen=True)
class Stretches:
    """Two groups of runs, compared stretch by stretch of the axis."""

    along: str
    positions: np.ndarray
    """(points,) common to all runs."""
    edges: np.ndarray
    """(stretches + 1,) where each begins, and the end."""
    difference: np.ndarray
    """(stretches,) of the sides' means."""
    error: np.ndarray
    """(stretches,) standard error, from the spread between runs."""
    p_values: np.ndarray
    """(stretches,) corrected for their number."""
    runs: tuple[int, int]


def of_groups(match: Match, found: Stretches, level: float) -> MetricResult:
    """Return the result of repeated trainings."""
    apart, count = found.p_values <= level, f"{found.runs[0]} runs against {found.runs[1]}"
    stretch = int(np.argmax(apart)) if apart.any() else int(np.argmin(found.p_values))
    size, error = float(found.difference[stretch]), float(found.error[stretch])
    where = (
        f"{place(found.along, found.positions[found.edges[stretch]])} to "
        f"{found.positions[found.edges[stretch + 1] - 1]:,.10g}"
    )
    fields: dict[str, Any] = {"p_value": float(found.p_values.min()), "difference": size}
    if not apart.any():
        detail = (
            f"{count}: no difference beyond the spread between runs; the largest, {size:+.3g} with a standard error of"
        )
        detail = f"{detail} {error:.2g}, is at {where}"
        return _of_count(match, len(found.positions), found.along, "within noise", detail, **fields)
    side = "higher" if size > 0 else "lower"
    detail = f"{count}: the second side is {side} by {abs(size):.3g}, standard error {error:.2g}, over {where}"
    fields |= {
        "first": float(found.positions[found.edges[stretch]]),
        "certain": float(found.positions[found.edges[stretch + 1] - 1]),
    }
    return _of_count(match, len(found.positions), found.along, "parts", detail, **fields)


def _relation(found: Relation) -> str:
    if found.kind == "factor or offset":
        return f"a constant sum of {found.value:+.4g}, or a factor, the curves are too flat to tell,"
    spread = 1.96 * found.error * (found.value if found.kind == "factor" else 1.0)
    value = f"{found.value:.4g} ± {spread:.2g}"
    what = f"factor of {value}" if found.kind == "factor" else f"constant sum of {value}"
    meaning = f", {found.meaning}" if found.meaning else ""
    return f"a {what}{meaning}"


def _tested(aligned: Aligned, noise: Noise, found: Parting, same: Twins | None) -> dict[str, Any]:
    return {
        "p_value": found.p_value,
        "difference": _mean(aligned),
        "noise": noise,
        "correlation": found.correlation.likely,
        "equal_until": None,
    } | ({"equal_until": float(aligned.positions[0])} if same is not None and same.equal else {})


def _smallest(aligned: Aligned, found: Parting) -> float:
    """Return about the smallest constant difference that the test would have seen in half of all trials."""
    spread = float(np.std(aligned.difference))
    return found.granted + parting.LIMIT_ERRORS * spread / np.sqrt(
        max(found.correlation.independent(len(aligned)), 1.0)
    )


def _grown(aligned: Aligned, same: Twins) -> str:
    start = _up_to(aligned, same.equal) + ", then " if same.equal else ""
    speed = f", doubling every {same.doubling:,.3g} {_plural(aligned.along)}" if same.doubling else ""
    return (
        f"{start}differences from {same.smallest:.0e} to {same.largest:.0e} of the value{speed}: as rounding does, "
        "and small against the noise of a step"
    )


def _up_to(aligned: Aligned, count: int) -> str:
    if count == len(aligned):
        return f"equal to the last digit at all {count:,} points, up to {place(aligned.along, aligned.positions[-1])}"
    return f"equal to the last digit up to {place(aligned.along, aligned.positions[count - 1])}"


def _equal_until(aligned: Aligned, same: Twins | None) -> float | None:
    return float(aligned.positions[same.equal - 1]) if same is not None and same.equal else None


def _plural(along: str) -> str:
    return along if along == "examples" else f"{along}s"


def _p(found: Parting) -> str:
    return (
        f"{found.p_value:.2g}"
        if found.p_value > 1.5 / (1 + parting.FLIPS)
        else f"at most {1 / (1 + parting.FLIPS):.1g}"
    )


def _mean(aligned: Aligned) -> float | None:
    return float(aligned.difference.mean()) if len(aligned) else None


def _result(match: Match, aligned: Aligned, status: Status, detail: str, **fields: Any) -> MetricResult:
    notes: Sequence[str] = fields.pop("notes", ())
    notes = (*notes, aligned.note) if aligned.note else tuple(notes)
    return _of_count(match, len(aligned), aligned.along, status, detail, notes=notes, **fields)


def _of_count(match: Match, points: int, along: str, status: Status, detail: str, **fields: Any) -> MetricResult:
    return MetricResult(
        metric=match.name,
        first_name=match.first,
        second_name=match.second,
        along=along,
        points=points,
        status=status,
        detail=detail,
        **fields,
    )
