"""The tables that a hunt prints."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.hunt.hunting import Outcome

WIDTH = 150


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a table of tried and missed by kind, and every miss with what was drawn for it."""
    for title, is_wrong in (("wrong pairs (missed: passed)", True), ("honest pairs (missed: refused)", False)):
        chosen = [one for one in outcomes if one.quarry.wrong == is_wrong]
        yield from _by_kind(title, chosen)
        yield from _told("missed", [one for one in chosen if one.missed])
        excepted = [one for one in chosen if one.verdict in ("warned", "excepted") and not one.missed]
        yield from _told("passed with an exception", excepted)


def _by_kind(title: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield how many pairs of each kind were tried, missed on any track, and passed with an exception on any."""
    by_kind: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_kind[one.quarry.family.kind].append(one)
    yield f"{title:<34}{'pairs':>6}{'missed':>8}{'except':>8}"
    for kind, those in [*sorted(by_kind.items()), ("all", outcomes)]:
        missed = {one.quarry.name for one in those if one.missed}
        excepted = {one.quarry.name for one in those if one.verdict in ("warned", "excepted")}
        tried = {one.quarry.name for one in those}
        yield f"  {kind:<32}{len(tried):>6}{len(missed):>8}{len(excepted):>8}"
    yield ""


def _told(title: str, missed: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of every pair and reason."""
    yield from [f"{title}:"] if missed else []
    tracks: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    first = {}
    for one in missed:
        key = one.quarry.name, one.reason
        tracks[key].append(one.track)
        first[key] = one
    for (name, reason), where in tracks.items():
        family, number = first[name, reason].quarry.family, first[name, reason].quarry.number
        yield f"  {name} on {', '.join(where)}: {family.text}"[:WIDTH]
        yield f"    {family.parameters(number)}"
        if reason:
            yield f"    {first[name, reason].verdict}: {reason}"[: 2 * WIDTH]
    if missed:
        yield ""
