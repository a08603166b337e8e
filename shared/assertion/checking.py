"""Climbs the ladder for an assertion: what this process alone has stays in it, everything else goes to workers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twotrack.shared.assertion.arguments import Given
from twotrack.shared.assertion.tracks import chosen, chosen_here
from twotrack.shared.report.ladder import LadderRecord, ladder_record
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.report.one_line import in_one_line
from twotrack.shared.spec.pair import Pair
from twotrack.shared.verify import ladder, user_pair
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.showing import REFERENCE
from twotrack.shared.verify.user_pair import Hold, PairOfFunctions
from twotrack.shared.workers import door
from twotrack.shared.workers.here import PoolPartlyHere, process_as_it_was
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

if TYPE_CHECKING:
    from twotrack.shared.verify.showing import OnPhase


@dataclass(frozen=True)
class Outcome:
    """What the ladder says of two models."""

    request: VerifyRequest
    results: Sequence[TrackResult]

    @property
    def record(self) -> LadderRecord:
        """The outcome as `verify --json` prints it."""
        return ladder_record(self.request, self.results)

    @property
    def text(self) -> str:
        """The outcome as `verify` prints it."""
        return ladder_text(self.request, self.results)

    def failure(self, strict: bool) -> str:
        """Return in one line why this is no pass; empty for a pass. With `strict`, one with exceptions is none."""
        return in_one_line(self.results, strict)


def check(
    given: Given,
    tracks: Sequence[str] | None,
    until: str,
    on_phase: "OnPhase",
    pool: WorkerPool | None = None,
    usual: Sequence[str] | None = None,
) -> Outcome:
    """Climb the ladder with what is given, on `tracks`, and on workers of `pool` or on new ones.

    Where `tracks` is None the `usual` ones are meant, or every installed one; of these one will do for what this
    process alone has. Raises MissingTrackError where a framework is not installed, UserError for what else cannot be
    done, WorkerDiedError if a worker ends early.
    """
    named = usual if tracks is None else tracks
    if isinstance(given.subject, Pair):
        return _of_pair(given.subject, named, tracks is None, until, on_phase, pool)
    pair = user_pair.named(given.subject, user_pair.module_folders()) if ":" in given.subject else None
    request = VerifyRequest(name=pair.label if pair else given.subject, until=until, pair=pair)
    return _climb(request, chosen(named), on_phase, pool)


def _of_pair(
    pair: Pair,
    tracks: Sequence[str] | None,
    one_will_do: bool,
    until: str,
    on_phase: "OnPhase",
    pool: WorkerPool | None,
) -> Outcome:
    with user_pair.holding() as hold:
        reference = _reference(pair, hold)
        keras_here, torch_here = (user_pair.held_side(reference, side) for side in ("keras", "torch"))
        climbed = chosen_here(tracks, one_will_do) if keras_here else chosen(tracks)
        here = (*(climbed if keras_here else ()), *([REFERENCE] if torch_here else ()))
        request = VerifyRequest(name=reference.label, until=until, pair=reference)
        with _partly_here(here, len(climbed), pool) as workers:
            return _climb(request, climbed, on_phase, workers)


def _reference(pair: Pair, hold: Hold) -> PairOfFunctions:
    """Return the reference of a pair; models become functions that copy them, held by this process."""
    with process_as_it_was():
        sides = {side: _built(getattr(pair, side), pair) for side in ("keras", "torch")}
    reference = user_pair.reference(replace(pair, **sides), hold)
    named: dict[str, Any] = {}
    for side in sides:
        kind = type(model := getattr(pair, side))
        if door.framework_of(model):
            named[side] = getattr(reference, side).model_copy(
                update={"module": kind.__module__, "name": kind.__qualname__}
            )
    return reference.model_copy(update=named)


def _built(model: Any, pair: Pair) -> Any:
    return door.builder(model, pair.inputs) if door.framework_of(model) else model


@contextmanager
def _partly_here(here: Sequence[str], tracks: int, pool: WorkerPool | None) -> Iterator[WorkerPool | None]:
    """Yield workers of which those of the tracks `here` are this process; what was lent if there are none."""
    if not here:
        yield pool
        return
    with lent_or_new(pool, threads=ladder.threads(tracks), quick_to_compile=True) as others:
        yield PoolPartlyHere(others, here)


def _climb(request: VerifyRequest, tracks: Sequence[str], on_phase: "OnPhase", pool: WorkerPool | None) -> Outcome:
    ladder.check(request, tracks)
    return Outcome(request, ladder.verify(request, tracks, on_phase, pool))
