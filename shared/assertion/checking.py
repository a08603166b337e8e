"""Climbs the ladder for an assertion: what this process alone has stays in it, everything else goes to workers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.assertion.arguments import Subject
from twotrack.shared.assertion.tracks import chosen, chosen_here
from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.recordings.request import RecordRequest
from twotrack.shared.recordings.sides import record_track
from twotrack.shared.report.ladder import LadderRecord, ladder_record
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.report.one_line import in_one_line
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.sides import TORCH
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify import ladder, user_pair
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.own_weights import OtherWeight, differing_weights
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.user_functions import AnyFunction, Hold, holding
from twotrack.shared.verify.user_pair import PairOfFunctions, PairReference
from twotrack.shared.workers import door
from twotrack.shared.workers.here import PoolPartlyHere, process_as_it_was
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

RECORDING = "recording-"
"""What the name of a side's recording begins with."""


@dataclass(frozen=True)
class Outcome:
    """What the ladder says of two models."""

    request: VerifyRequest
    results: Sequence[TrackResult]
    other_weights: Sequence[OtherWeight] = ()
    """Those that a model and its port hold with different values, largest difference first, where that was asked."""
    recordings: Sequence[Path] = ()
    """Folders, one of each side, where the sides were to be recorded if they differ."""
    unrecorded: str = ""
    """Why there are none of sides that differ."""

    @property
    def record(self) -> LadderRecord:
        """The outcome as `verify --json` prints it."""
        return ladder_record(self.request, self.results)

    @property
    def text(self) -> str:
        """The outcome as `verify` prints it, and the weights that differ."""
        lines = [f"  {each.track}: '{each.name}' differs by {each.difference:.1e}" for each in self.other_weights]
        told = ["", "weights that the models hold with different values:", *lines] if lines else []
        return "\n".join([ladder_text(self.request, self.results), *told])

    def failure(self, strict: bool) -> str:
        """Return in one line why this is no pass; empty for a pass. With `strict`, one with exceptions is none."""
        if self.other_weights and all(result.passed for result in self.results):
            first, count = self.other_weights[0], len({each.name for each in self.other_weights})
            return (
                f"the same model with other weights: {first.track}: '{first.name}' differs by {first.difference:.1e} "
                f"({count} of {first.compared} weights differ)"
            )
        return in_one_line(self.results, strict)


@dataclass(frozen=True)
class Wanted:
    """How far and where an assertion climbs."""

    tracks: Sequence[str] | None
    """Named by the test; None for the usual ones."""
    until: str
    usual: Sequence[str] | None = None
    """None for every installed track. Of the usual ones, one will do for what this process alone has."""
    own_weights: bool = False
    """The weights are compared with which the models are built."""
    recordings: Path | None = None
    """A folder in which to leave recordings of two sides that differ."""
    arithmetics: tuple[Arithmetic, ...] = ()
    """Lower precisions to judge both sides in."""
    replicas: int = 1
    """On how many sides are trained once the rungs are passed."""

    @property
    def named(self) -> Sequence[str] | None:
        """The tracks; None for every installed one."""
        return self.usual if self.tracks is None else self.tracks

    def request(self, name: str, pair: PairReference | None) -> VerifyRequest:
        """Return what to verify."""
        return VerifyRequest(
            name=name, until=self.until, pair=pair, arithmetics=self.arithmetics, replicas=self.replicas
        )


def check(subject: Subject, wanted: Wanted, pool: WorkerPool | None = None) -> Outcome:
    """Climb the ladder with a pair, or with what a name leads to, on workers of `pool` or on new ones.

    Either side of a pair may be a model in place of a function. Raises MissingTrackError where a framework is
    not installed, UserError for what else cannot be done, WorkerDiedError if a worker ends early.
    """
    if isinstance(subject.pair, Pair):
        with _as_file(subject.inputs) as inputs:
            return _of_pair(subject.pair, inputs, wanted, pool)
    name = subject.pair
    pair = user_pair.named(name, user_pair.module_folders()) if ":" in name else None
    request = wanted.request(pair.label if pair else name, pair)
    return _climb(request, chosen(wanted.named), (), wanted, pool)


@contextmanager
def _as_file(arrays: Mapping[str, np.ndarray] | None) -> Iterator[Path | None]:
    """Yield a file with arrays, as workers read it; None for none."""
    if arrays is None:
        yield None
        return
    with atomic.scratch() as folder:
        np.savez(file := folder / "inputs.npz", **arrays)  # type: ignore[arg-type]  # names are no options of it
        yield file


def _of_pair(pair: Pair, inputs: Path | None, wanted: Wanted, pool: WorkerPool | None) -> Outcome:
    with holding() as hold:
        reference = _reference(pair, hold)
        keras_here, torch_here = (user_pair.held_side(reference, side) for side in ("keras", "torch"))
        if (keras_here or torch_here) and wanted.replicas > 1:
            raise UserError(
                "replicas=: every replica builds its side in a process of its own; expected functions at the top level "
                "of a file, found a model, a lambda or a function inside another."
            )
        tracks = (
            chosen_here(wanted.named, wanted.tracks is None) if keras_here else chosen(wanted.named, reference.builds)
        )
        here = (*(tracks if keras_here else ()), *([TORCH] if torch_here else ()))
        request = wanted.request(reference.label, reference).model_copy(update={"inputs": inputs})
        return _climb(request, tracks, here, wanted, pool)


def _reference(pair: Pair, hold: Hold) -> PairOfFunctions:
    """Return the reference of a pair; models become functions that copy them, held by this process."""
    has_model = any(door.framework_of(one) for one in (*_as_tuple(pair.keras), *_as_tuple(pair.torch)))
    with process_as_it_was() if has_model else nullcontext():
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


def _climb(
    request: VerifyRequest, tracks: Sequence[str], here: Sequence[str], wanted: Wanted, pool: WorkerPool | None
) -> Outcome:
    """Climb on the tracks, of which those in `here` are this process."""
    ladder.check(request, tracks)
    with lent_or_new(pool, threads=ladder.threads(len({TORCH, *tracks})), quick_to_compile=True) as others:
        workers = PoolPartlyHere(others, here) if here else others
        results = ladder.verify(request, tracks, lambda *_: None, workers)
        failed = [result.track for result in results if not result.passed]
        if failed and wanted.recordings:
            return _with_recordings(Outcome(request, results), failed[0], workers, wanted.recordings)
        if failed or not wanted.own_weights:
            return Outcome(request, results)
        with atomic.scratch() as folder:
            return Outcome(request, results, differing_weights(request, tracks, workers, folder))


def _with_recordings(outcome: Outcome, track: str, workers: WorkerPool, folder: Path) -> Outcome:
    """Record torch's side and that of a Keras track, on drawn weights and inputs that are the same on both.

    Without recordings, which only say more of a failure, the outcome tells why.
    """
    pair, made = outcome.request.pair, list[Path]()
    if pair is None:
        return replace(outcome, unrecorded="a chapter's sides have none")
    if track not in TRACKS or track == TORCH:
        return replace(outcome, unrecorded="they are for a Keras model and one of torch")
    try:
        for side in (TORCH, track):
            request = RecordRequest(subject=pair, track=side, out=folder / f"{RECORDING}{TRACKS[side].slug}")
            made.append(record_track(request, lambda *_: None, workers).folder)
    except (UserError, WorkerDiedError) as error:
        return replace(outcome, unrecorded=str(error))
    return replace(outcome, recordings=made)
