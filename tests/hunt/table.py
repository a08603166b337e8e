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
        yield from _misses([one for one in chosen if one.missed])


def _by_kind(title: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    by_kind: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for one in outcomes:
        pairs = by_kind[one.quarry.family.kind]
        pairs[one.quarry.name] = pairs.get(one.quarry.name, False) or one.missed
    yield f"{title:<34}{'pairs':>6}{'missed':>8}"
    for kind, pairs in sorted(by_kind.items()):
        yield f"  {kind:<32}{len(pairs):>6}{sum(pairs.values()):>8}"
    total = [missed for pairs in by_kind.values() for missed in pairs.values()]
    yield f"  {'all':<32}{len(total):>6}{sum(total):>8}"
    yield ""


def _misses(missed: Sequence[Outcome]) -> Iterator[str]:
    """Yield one line per pair and reason."""
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
