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
from twotrack.shared.spec.sides import TORCH
from twotrack.shared.verify import ladder, user_pair
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.user_pair import AnyFunction, Hold, PairOfFunctions
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
        climbed = chosen_here(tracks, one_will_do) if keras_here else chosen(tracks, reference.builds)
        here = (*(climbed if keras_here else ()), *([TORCH] if torch_here else ()))
        request = VerifyRequest(name=reference.label, until=until, pair=reference)
        with _partly_here(here, len({TORCH, *climbed}), pool) as workers:
            return _climb(request, climbed, on_phase, workers)


def _reference(pair: Pair, hold: Hold) -> PairOfFunctions:
    """Return the reference of a pair; models become functions that copy them, held by this process."""
    with process_as_it_was():
        sides = {side: _built(getattr(pair, side), pair) for side in ("keras", "torch")}
    reference = user_pair.reference(replace(pair, **sides), hold)
    named = {side: _named(getattr(reference, side), _as_tuple(getattr(pair, side))) for side in sides}
    return reference.model_copy(update=named)


def _named(references: Sequence[AnyFunction], models: Sequence[Any]) -> tuple[AnyFunction, ...]:
    """Return references of which those of a model have its class' name."""
    return tuple(
        one.model_copy(update={"module": type(model).__module__, "name": type(model).__qualname__})
        if door.framework_of(model)
        else one
        for one, model in zip(references, models, strict=True)
    )


def _as_tuple(builds: Any) -> tuple[Any, ...]:
    return () if builds is None else builds if isinstance(builds, tuple) else (builds,)


def _built(builds: Any, pair: Pair) -> Any:
    if isinstance(builds, tuple):
        return tuple(_built(build, pair) for build in builds)
    return door.builder(builds, pair.specs) if door.framework_of(builds) else builds


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
