"""What the flow of values does not tell, sizes may: weights of which each side has one of a size, and no other left.

So a recurrent layer is found in one that is written out step by step: its kernels are layers of their own there, that
run once for each step. The outputs prove the whole map; where they do not, nothing is said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from twotrack.shared.matching.check import check
from twotrack.shared.matching.recording import Recording
from twotrack.shared.matching.result import FoundWeight, Match
from twotrack.shared.spec.units import Side
from twotrack.shared.weights.correspondence.rule import WeightRule

Shape = tuple[int, ...]
Found = Mapping[str, FoundWeight]


def with_sizes(side: Side, recording: Recording, match: Match) -> Match:
    """Return a match in which sizes tell what was left, if the outputs prove that; else what was found."""
    if match.is_proved or recording.constants:
        return match
    for kept in _kept(match):
        taken = {source for found in kept.values() for source in found.rule.sources}
        live = {name: array.shape for name, array in side.built.items() if name not in kept}
        recorded = {name: array.shape for name, array in recording.weights.items() if name not in taken}
        more = _by_size(live, recorded)
        if more and check(side, recording, {name: one.rule for name, one in {**kept, **more}.items()}).is_proved:
            return _whole(side, recording, match, {**kept, **more})
    return match


def _kept(match: Match) -> Iterator[Found]:
    """Yield what was found for sure, then nothing: a guess may have been wrong."""
    yield {name: found for name, found in match.weights.items() if found.how != "nearest"}
    yield {}


def _by_size(live: Mapping[str, Shape], recorded: Mapping[str, Shape]) -> Found | None:
    """Return a rule for each live weight; None unless each has a size of its own, and a recorded one has it too."""
    found: dict[str, FoundWeight] = {}
    for name, shape in live.items():
        alike = [other for other, size in live.items() if sorted(size) == sorted(shape)]
        sources = [other for other, size in recorded.items() if sorted(size) == sorted(shape)]
        if len(alike) > 1 or len(sources) != 1 or len(shape) > 2:
            return None
        found[name] = FoundWeight(WeightRule((sources[0],), _layout(shape, recorded[sources[0]])), "size")
    return found


def _layout(live: Shape, recorded: Shape) -> str:
    """Return how a matrix is turned: dense kernels of torch's stand the other way round, square ones too."""
    is_turned = len(live) > 1 and (live != recorded or live[0] == live[1])
    return "o i -> i o" if is_turned else ""


def _whole(side: Side, recording: Recording, match: Match, found: Found) -> Match:
    """Return a match of all weights: what the recorded side has besides has no effect, as the outputs are the same."""
    taken = {source for one in found.values() for source in one.rule.sources}
    return replace(
        match,
        weights={name: found[name] for name in side.built},
        live_left=(),
        recorded_left=(),
        recorded_surplus=(),
        live_unused=(),
        recorded_unused=tuple(name for name in recording.weights if name not in taken),
        differences=(),
        stuck="",
        equivalent=(),
        is_proved=True,
    )
