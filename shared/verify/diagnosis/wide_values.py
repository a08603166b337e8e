"""The search where a value differs beyond ordinary inputs: on wide values, in training mode, in other sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Function, MapValue, ReplaceCall, ReplaceLayer, SetArgument
from twotrack.shared.verify.alignment import IN_TRAINING, Alignment, Difference, Passes, layer_of
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.relations import Place
from twotrack.shared.verify.diagnosis.statistics import frozen, thawed
from twotrack.shared.verify.diagnosis.values import AROUND, Site, ValueProposals, between
from twotrack.shared.verify.digests import LARGEST, SIZE, SMALLEST, differences
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.passes import MASKED, WEIGHED, WIDE, Pass, Runner
from twotrack.shared.verify.rungs.pieces import PiecesEvidence, TrialsRun, trial_name
from twotrack.shared.verify.rungs.range import RangeEvidence

RANGE, PIECES = "range", "pieces"
LIMITS = {"clamp": ("min", "max"), "clip": ("min", "max"), "hardtanh": ("min_val", "max_val")}
"""Functions that keep values between limits, and what torch calls those."""


@dataclass(frozen=True)
class WideFailure:
    """Where two sides part in a pass."""

    name: str
    """Of the pass."""
    difference: Difference
    keras: Passes


def range_failure(torch: Observation, keras: Observation) -> WideFailure | None:
    """Return the first value that differs, as the rung finds it."""
    sides = [side.probe(RANGE, RangeEvidence) for side in (torch, keras)]
    both = [Passes(side["float64"].passes, side["float32"].passes if "float32" in side else {}) for side in sides]
    return first_failure(both, any(side["float64"].is_random for side in sides))


def first_failure(both: Sequence[Passes], is_random: bool) -> WideFailure | None:
    """Return the first value of the first pass that differs, as the rungs range and pieces find it."""
    alignment = Alignment(*both)
    for name, ran in both[1].float64.items():
        other = both[0].float64.get(name)
        if name == "ordinary" or other is None or ran.error or other.error:
            continue
        if is_random and name.endswith(IN_TRAINING):
            continue
        found, _ = alignment.first_difference(name)
        if found and not (ran.replaced and alignment.may_come_from_unmatched(found)):
            return WideFailure(name, found, both[1])
    return None


class WideProposals(ValueProposals):
    """What may be to blame for a difference that ordinary values do not show."""

    find_failure = staticmethod(range_failure)

    def _find_site(self, request: SearchRequest) -> Site:
        self._failure = self.find_failure(request.torch, request.keras)
        pair = self._side.exercise.pair
        shapes = self._side.model.shapes()
        self._runner = Runner(self._side.probe, pair.specs, pair.batch_size, shapes)
        return (
            self._site_of(self._failure.difference)
            if self._failure
            else Site(Place("", "outputs"), (), (), frozenset())
        )

    def _site_of(self, difference: Difference) -> Site:
        where, layers = difference.where.torch, self._now.layers
        path = layer_of(where.path)
        place = Place(path, "inputs" if where.role == "inputs" else "outputs", where.number)
        if path and where.role == "outputs":
            inner = tuple(layer.path for layer in layers if layer.path.startswith(f"{path}."))
            return Site(place, (), (path, *inner), frozenset([path, *inner]))
        order = [layer.path for layer in layers if layer.leaf]
        named = {layer.path for layer in self._keras.layers}
        front = order[: order.index(where.path)] if where.path in order else order
        before = next((layer for layer in reversed(front) if layer in named), "")
        inside = between(layers, before, where.path)
        return Site(place, (), inside, frozenset([before, *inside]), before)

    def measure(self, candidate: Candidate) -> float:
        """Return the difference in the batch in which it showed first."""
        if self._failure is None:
            return float("inf")
        try:
            with self._track.changed(self._side.model, candidate.changes):
                ran, start = self._again()
            return self._left(ran, start)
        except Exception:  # whatever the changed model raises: the candidate is none
            return float("inf")
        finally:
            self._side.reset()

    def _again(self) -> tuple[Pass, int]:
        """Run the batch, and return with it the row of the whole pass that it begins with."""
        assert self._failure
        name, row, runner = self._failure.name, self._failure.difference.row, self._runner
        for replaced, wide in WIDE.items():
            if name == wide:
                return runner.wide_batch(replaced, row // runner.batch), row // runner.batch * runner.batch
        if name in WEIGHED:
            self._side.reset(WEIGHED[name])
        return self._whole_again(name), 0

    def _whole_again(self, name: str) -> Pass:
        """Run a pass of one batch."""
        runner = self._runner
        if name in MASKED:
            return runner.masked(name)
        if name in WEIGHED:
            return runner.weighed()
        if name == "wide values in training mode":
            return runner.in_training()
        if name.startswith("batch size "):
            return runner.sized(int(name.removeprefix("batch size ")))
        return runner.on(self._inputs, training=name == IN_TRAINING)

    def _left(self, ran: Pass, start: int) -> float:
        assert self._failure
        where = self._failure.difference.where
        one = Passes({"": ran}, {}).value(ran, where.torch)
        other = self._failure.keras.value(self._failure.keras.float64[self._failure.name], where.keras)
        if one is None or other is None or ran.error:
            return float("inf")
        other = other[start : start + len(one)]
        size = np.maximum(np.maximum(one[:, SIZE], other[:, SIZE]), 1e-30)
        return float((differences(one, other) / size).max())

    def _agreed(self, front: Sequence[str]) -> int:
        """Return how far in front to look: what agrees on ordinary values may stand in another order too."""
        return len(front) - 2 * AROUND

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield limits that Keras' values keep to, then what may be to blame on ordinary values too."""
        yield from self._frozen()
        yield from self._limits()
        yield from super().propose(made)

    def _frozen(self) -> Iterator[Candidate]:
        """Yield batch normalisations that are frozen on one side, where the sides part in training mode."""
        if self._failure is None or not self._failure.name.endswith(IN_TRAINING):
            return
        kept = [name.rpartition(".")[0] for name in self._known.weights if name.endswith(".moving_mean")]
        for paths in [*([path] for path in kept), *([kept] if len(kept) > 1 else [])]:
            yield from (frozen(paths), thawed(paths))

    def _limits(self) -> Iterator[Candidate]:
        if self._failure is None:
            return
        where = self._failure.difference.where.keras
        seen = [self._failure.keras.value(ran, where) for ran in self._failure.keras.float64.values()]
        digests = [digest for digest in seen if digest is not None]
        low = float(min(digest[:, SMALLEST].min() for digest in digests))
        high = float(max(digest[:, LARGEST].max() for digest in digests))
        place = self._site.place
        for limits in ((low, high), (low, None), (None, high)):
            function = Function(name="clip", parameters={"low": limits[0], "high": limits[1]})
            told = " and ".join(
                f"{name} {limit:g}" for name, limit in zip(("above", "below"), limits, strict=True) if limit is not None
            )
            yield Candidate(
                changes=(MapValue(path=place.path, role=place.role, number=place.number, function=function),),
                what=f"Keras keeps {place.told} {told}, torch does not",
                torch_fix=f"clamp it to {[*limits]}",
                keras_fix="no clipping there",
            )
        yield from self._limited_calls(low, high)
        if place.role == "outputs" and place.path:
            function = Function(name="clip", parameters={"low": low, "high": high})
            yield Candidate(
                changes=(ReplaceLayer(path=place.path, function=function),),
                what=f"'{place.path}' only keeps what it is given between {low:g} and {high:g} in Keras",
                torch_fix=f"clamp({low:g}, {high:g}) for '{place.path}'",
                keras_fix=f"what torch does in '{place.path}'",
            )

    def _limited_calls(self, low: float, high: float) -> Iterator[Candidate]:
        """Yield Keras' limits in the place of those of torch's calls."""
        calls = {
            change.function: change
            for call in self._calls
            for change in call.candidate.changes
            if isinstance(change, ReplaceCall) and change.function in LIMITS
        }
        for change in calls.values():
            for name, value in zip(LIMITS[change.function], (low, high), strict=True):
                yield Candidate(
                    changes=(SetArgument(function=change.function, number=change.number, name=name, value=value),),
                    what=f"{change.function} has {name}={value:g} in Keras and another in torch",
                    torch_fix=f"{name}={value:g} in {change.function}",
                    keras_fix="torch's limits in Keras",
                )


def pieces_failure(torch: Observation, keras: Observation) -> WideFailure | None:
    """Return the first value that differs on inputs that were looked for."""
    ran = [side.answer(PIECES, TrialsRun) for side in (torch, keras)]
    return first_failure([Passes(each["float64"].passes, {}) for each in ran], False) if all(ran) else None


class PieceProposals(WideProposals):
    """What may be to blame for a difference on inputs that were looked for."""

    find_failure = staticmethod(pieces_failure)

    def _find_site(self, request: SearchRequest) -> Site:
        found = {request.reference.slug: request.torch, request.candidate.slug: request.keras}
        self._trials = {
            trial_name(trial, number, track): trial
            for track, side in found.items()
            for number, trial in enumerate(side.probe(PIECES, PiecesEvidence)["float64"].trials, start=1)
        }
        return super()._find_site(request)

    def _again(self) -> tuple[Pass, int]:
        assert self._failure
        trial = self._trials[self._failure.name]
        return self._runner.given(trial.inputs, trial.replaced), 0
