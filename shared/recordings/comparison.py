"""Two recordings, compared rung by rung as far as both hold something; no framework is needed.

The comparisons are those of the ladder. What is left for the recordings is which value is which, what their precision
lets one see, and which rungs they say nothing of.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from twotrack.shared.base.tolerances import limit_in
from twotrack.shared.recordings.folder import OpenedRecording, open_recording
from twotrack.shared.recordings.held import NotHeldError, comparable, require_no_draws
from twotrack.shared.recordings.matching import Match
from twotrack.shared.recordings.renaming import Renames
from twotrack.shared.recordings.schema import DRAWN
from twotrack.shared.recordings.suspects import Stated, Suspicion, suspicion
from twotrack.shared.recordings.traces import Both
from twotrack.shared.recordings.training import check_training
from twotrack.shared.spec.sides import Words
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, in_short, relative
from twotrack.shared.verify.rungs.forward import LayerDifference, compare_forward, layer_difference, matched_layers
from twotrack.shared.verify.rungs.gradients import compare_gradients
from twotrack.shared.verify.trace import Trace

RUNGS = ("data", "parameters", "forward", "loss", "gradients", "training")
"""Those that recordings can hold."""
SUSPICIOUS = 1e-5
"""Relative, between outputs in float32: models that are one measure 1e-7 to 1e-6."""
NEVER = {
    "dropout": "a recording holds no draws that can be repeated",
    "range": "a recording holds ordinary inputs only",
    "pieces": "a recording holds ordinary inputs only",
    "optimizer": "a recording holds no optimizer that can be run",
}
"""Rungs that need a side that runs, and why."""


@dataclass(frozen=True)
class Compared:
    """What two recordings came to."""

    names: tuple[str, str]
    result: TrackResult
    weights: Match


def compare_folders(one: Path, other: Path, renames: Renames = (), until: str = RUNGS[-1]) -> Compared:
    """Open two recordings and compare them; UserError for a folder that is none."""
    return compare(open_recording(one), open_recording(other), renames, until)


def compare(
    one: OpenedRecording,
    other: OpenedRecording,
    renames: Renames = (),
    until: str = RUNGS[-1],
    names: tuple[str, str] | None = None,
) -> Compared:
    """Compare two recordings up to the first failure; `names` are what messages call them."""
    both, names = Both(one, other, renames), names or names_of(one, other)
    climb = _Climb(both, names)
    results = list(climb.results(until))
    if results[-1].passed:
        results[-1] = replace(results[-1], gaps=(*results[-1].gaps, *climb.not_climbed(until)))
    named = [_in_own_words(result, names) for result in results]
    return Compared(names, _result(climb, results[-1], named, names), both.weights)


def _result(climb: "_Climb", last: RungResult, named: list[RungResult], names: tuple[str, str]) -> TrackResult:
    """Return what a climb came to; of a failure with what both recordings state where they part."""
    words = Words(names[0], names[1], is_mixed=False)
    if last.passed:
        return TrackResult(names[1], named, [], layers=climb.layers, words=words)
    found = climb.suspicion(last)
    diagnosis = replace(found.diagnosis, last=named[-1])
    return TrackResult(
        names[1],
        named,
        list(found.suggestions),
        diagnosis,
        layers=climb.layers,
        facts=list(found.facts),
        words=words,
    )


def names_of(one: OpenedRecording, other: OpenedRecording) -> tuple[str, str]:
    """Return what messages call two recordings: their folders' names, or the whole paths if these are the same."""
    short = one.folder.resolve().name, other.folder.resolve().name
    return short if short[0] != short[1] else (str(one.folder), str(other.folder))


def _in_own_words(result: RungResult, names: tuple[str, str]) -> RungResult:
    """Let what the ladder's comparisons say of torch and Keras be said of these two recordings."""
    own = {"torch": names[0], "Keras": names[1]}

    def told(text: str) -> str:
        return re.sub(r"(?<=in )(torch|Keras)\b", lambda side: f"'{own[side[0]]}'", text)

    gaps = tuple(replace(gap, detail=told(gap.detail)) for gap in result.gaps)
    return replace(result, detail=told(result.detail), gaps=gaps)


class _Climb:
    def __init__(self, both: Both, names: tuple[str, str]):
        self._both, self._names = both, names
        self._missing: dict[str, str] = {}
        self._checks: dict[str, Callable[[], RungResult]] = {
            "data": partial(check_data, both, names),
            "parameters": partial(check_parameters, both, names),
            "forward": self._forward,
            "loss": partial(check_loss, both, names),
            "gradients": self._gradients,
            "training": self._training,
        }

    def results(self, until: str) -> Iterator[RungResult]:
        """Yield what each rung found that the recordings hold, up to the first failure."""
        climbed = False
        for rung in RUNGS[: RUNGS.index(until) + 1] if until in RUNGS else RUNGS:
            try:
                result = self._checks[rung]()
            except NotHeldError as error:
                self._missing[rung] = str(error)
                continue
            climbed = True
            yield replace(result, gaps=(*result.gaps, *self._unseen(result)))
            if not result.passed:
                return
        if not climbed:
            why = "; ".join(f"{rung}: {missing}" for rung, missing in self._missing.items())
            yield RungResult("data", False, f"the recordings have nothing in common to compare: {why}")

    def not_climbed(self, until: str) -> Iterator[Gap]:
        """Yield a gap for every rung that could not be climbed."""
        for rung, why in {**self._missing, **(NEVER if until in (RUNGS[-1], "accuracy") else {})}.items():
            yield Gap(GapKind.NOT_RUN, rung, f"not climbed: {why}")

    def _unseen(self, result: RungResult) -> Iterator[Gap]:
        if self._both.precision == "float32" and result.passed and result.limit:
            detail = f"recorded in float32, which hides differences below {result.limit:.0e}"
            detail += f"; the largest is {result.difference:.0e}" if result.difference else ""
            detail += self._suspicion() if result.rung == "forward" and (result.difference or 0) > SUSPICIOUS else ""
            yield Gap(GapKind.PRECISION, result.rung, detail)

    def _suspicion(self) -> str:
        """Say which layer is the first that parts by more than float32's rounding does as a rule."""
        for one, other in matched_layers(*self._traces):
            size = layer_difference(one.outputs, other.outputs)
            if size > SUSPICIOUS:
                inputs = layer_difference(one.inputs, other.inputs)
                place = f"layer '{other.path}' ({other.kind} against {one.kind})"
                return f", more than rounding as a rule: first in {place}, by {size:.0e}, its inputs by {inputs:.0e}"
        return ", more than rounding as a rule"

    @cached_property
    def _traces(self) -> tuple[Trace, Trace]:
        return self._both.traces()

    @property
    def layers(self) -> list[LayerDifference]:
        """How far every layer that is on both sides is apart, where float64 shows it."""
        if self._both.precision != "float64" or "forward" in self._missing or self._both.outputs is None:
            return []
        return [
            LayerDifference(other.path, other.kind, layer_difference(one.outputs, other.outputs), None)
            for one, other in matched_layers(*self._traces)
        ]

    def suspicion(self, failure: RungResult) -> Suspicion:
        """Return what both recordings state at the place of a failure."""
        traces = self._traces if self._both.outputs is not None else (Trace(), Trace())
        sides = zip((self._both.one, self._both.other), traces, strict=True)
        return suspicion(failure, *(Stated(side.manifest, trace.layers) for side, trace in sides))

    def _forward(self) -> RungResult:
        both = self._both
        if not both.one.manifest.outputs or not both.other.manifest.outputs:
            raise NotHeldError("not both recordings hold outputs")
        if both.outputs is None:
            counts = [len(side.manifest.outputs) for side in (both.other, both.one)]
            detail = f"{counts[0]} outputs in Keras, {counts[1]} in torch"
            return RungResult("forward", False, detail, place=FailurePlace.OUTPUTS)
        return compare_forward(*self._traces, precision=comparable(both))

    def _training(self) -> RungResult:
        return check_training(self._both, self._names, self._traces)

    def _gradients(self) -> RungResult:
        both = self._both
        first, second = both.steps[0] if both.steps else (None, None)
        if not first or not second or not first.gradients or not second.gradients:
            raise NotHeldError("not both recordings hold gradients of a common step")
        require_no_draws(both)
        if unmatched := both.unmatched(first.gradients, second.gradients):
            detail = f"{in_short(repr(name) for name in unmatched)} has a gradient on one side only"
            return RungResult("gradients", False, detail, place=FailurePlace.WEIGHT, where=unmatched[0])
        return compare_gradients(*self._traces, precision=comparable(both))


def check_data(both: Both, names: tuple[str, str]) -> RungResult:
    """Require the same inputs and targets, axes alike, and the same batches in training."""
    compared = 0
    for what in ("inputs", "targets"):
        own, facing = (getattr(side.manifest, what) for side in (both.one, both.other))
        if not own or not facing:
            continue
        pairs = both.paired(own, facing)  # what one side alone takes, or takes in another form, the outputs tell
        for number, (first, second) in enumerate(pairs or []):
            if first.shape != second.shape:
                continue
            compared += 1
            if not _is_same_data(first, second):
                name = own[number].name or number + 1
                count = int((first != second).sum())
                detail = (
                    f"{what} {name}: {count:,} of {first.size:,} values differ between '{names[0]}' and '{names[1]}'"
                )
                return RungResult("data", False, f"{detail}; record both on the same")
    return _batches(both, names, compared)


def _is_same_data(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind == other.dtype.kind == "f":
        coarser = min(one.dtype, other.dtype, key=lambda dtype: dtype.itemsize)
        one, other = one.astype(coarser), other.astype(coarser)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")


def _batches(both: Both, names: tuple[str, str], compared: int) -> RungResult:
    """Compare the hashes of batches, where batches of one form were hashed."""
    hashes = 0
    for own, facing in both.steps:
        if not own.batches or not facing.batches or own.shapes != facing.shapes:
            continue
        if own.batches.partition(":")[0] != facing.batches.partition(":")[0]:
            continue
        hashes += 1
        if own.batches != facing.batches:
            detail = f"up to step {own.number} '{names[0]}' and '{names[1]}' were fed different batches"
            return RungResult("data", False, detail)
    whole = [side.manifest.batches for side in (both.one, both.other)]
    if all(batches.startswith(DRAWN) for batches in whole):
        hashes = len(both.steps)
        if whole[0] != whole[1]:
            return RungResult("data", False, f"'{names[0]}' and '{names[1]}' were trained on different batches")
    if not compared and not hashes:
        raise NotHeldError("no inputs, targets or batches that both hold in one form")
    told = [f"{compared} inputs and targets equal"] if compared else []
    told += [f"batches equal in {hashes} steps"] if hashes else []
    return RungResult("data", True, ", ".join(told))


def check_parameters(both: Both, names: tuple[str, str]) -> RungResult:
    """Require that every weight has a counterpart with the same values; say by what it was found."""
    match = both.weights
    if not match.pairs and not (both.one.weights and both.other.weights):
        raise NotHeldError("no names of weights that both hold, and not both hold the weights before the first step")
    problems = []
    for own, place in ((match.only_one, names[0]), (match.only_other, names[1])):
        if own:
            quoted = in_short(f"'{name}'" for name in own)
            problems.append(f"{quoted} {'is' if len(own) == 1 else 'are'} in '{place}' only")
    for side, place in ((both.one, names[0]), (both.other, names[1])):
        if side.manifest.without_counterpart:
            quoted = in_short(f"'{name}'" for name in side.manifest.without_counterpart)
            problems.append(f"{quoted} of '{place}' trained and without a counterpart")
    if match.different:
        problems.append(_different(both, match, names))
    if problems:
        first = (match.only_one or match.only_other or [pair.name for pair in match.different])[0]
        return RungResult("parameters", False, "; ".join(problems), place=FailurePlace.WEIGHT, where=first)
    weights = both.one.weights
    values = sum(int(array.size) for array in weights.values())
    counts = {"weights": len(match.pairs)} | ({"values": values} if values else {})
    return RungResult("parameters", True, _matched(match, values), counts=counts, gaps=tuple(_ambiguous(match)))


def _different(both: Both, match: Match, names: tuple[str, str]) -> str:
    found = both.together(both.one.weights, both.other.weights)
    sizes = {name: relative(own, facing) for name, own, facing in found}
    told = in_short(f"'{pair.name}' by {sizes[pair.name]:.1e}" for pair in match.different)
    return (
        f"weights of one name differ in their values: {told}; record '{names[0]}' and '{names[1]}' on the same weights"
    )


def _matched(match: Match, values: int) -> str:
    by_name = sum(pair.one == pair.other for pair in match.pairs)
    fused = sum(len(pair.one) != len(pair.other) for pair in match.pairs)
    told = f"{len(match.pairs)} weights" + (f", {values:,} values" if values else "")
    found = [f"{by_name} by name"] if by_name else []
    found += [f"{len(match.pairs) - by_name - fused} by value"] if len(match.pairs) > by_name + fused else []
    found += [f"{fused} fused"] if fused else []
    return f"{told}, one to one ({', '.join(found)})"


def _ambiguous(match: Match) -> Iterator[Gap]:
    if match.ambiguous:
        told = in_short(f"'{pair.one[0]}' with '{pair.other[0]}'" for pair in match.ambiguous)
        detail = f"others have the same values, so that these were paired by their order: {told}"
        yield Gap(GapKind.PARTNER, f"{len(match.ambiguous)} weights", detail)


def check_loss(both: Both, names: tuple[str, str]) -> RungResult:
    """Compare the loss of the first common step, if it is the first of both trainings: before it weights are equal."""
    if not both.steps or both.steps[0][0].number != 1:
        raise NotHeldError("not both recordings hold the first step")
    first, second = both.steps[0]
    own, facing = both.losses(first, second)
    if not own:
        raise NotHeldError("not both recordings hold the loss of the first step")
    require_no_draws(both)
    limit = limit_in("loss", comparable(both))
    difference = relative(np.array(own), np.array(facing))
    if difference > limit:
        detail = f"the loss is {own[0]:.9g} in '{names[0]}', {facing[0]:.9g} in '{names[1]}', on equal weights"
        return RungResult("loss", False, detail, difference, limit=limit, place=FailurePlace.LOSS)
    return RungResult("loss", True, f"{own[0]:.9g} on the first batch", difference, limit=limit)
