"""Worker tasks of the rung replicas: one side trains on one replica and on several, and what parts them is sought.

Where the trainings part, the several are done again with one thing changed each time. The change with which they are
the training of one again is the cause; what no change mends stays unknown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import GRADIENT_SCALE_FLOOR, TOLERANCES
from twotrack.shared.errors import UserError
from twotrack.shared.runs.fitting import Step
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.replicas import Replicas, Seat, require_replicas
from twotrack.shared.spec.track import Track
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.processes import Worker
from twotrack.shared.workers.task import Report, task

LIMIT = TOLERANCES["training"].limit


@with_config(WITH_ARRAYS)
@dataclass
class Trained:
    """What a side's training came to on some number of replicas."""

    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    """Of the first batch, as a step of gradient descent with the learning rate 1 shows them; canonical."""
    losses: list[float] = field(default_factory=list)
    """Before each step."""
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    """After each step; of a large model after the last one only."""


@with_config(WITH_ARRAYS)
@dataclass
class Apart:
    """By how much two trainings differ, each place relative to its largest number."""

    gradient: float = 0.0
    loss: float = 0.0
    weight: float = 0.0
    where: str = ""
    """Canonical name of the weight that differs most, of the first step that is beyond the limit."""
    step: int | None = None
    """That step, from 1; None if no step is."""

    @property
    def largest(self) -> float:
        """Of all."""
        return max(self.gradient, self.loss, self.weight)

    @property
    def is_equal(self) -> bool:
        """They are one training, up to rounding."""
        return self.largest <= LIMIT


@with_config(WITH_ARRAYS)
@dataclass
class Tried:
    """A change that was made to the training on several replicas."""

    name: str
    """Of the change; see CHANGES."""
    apart: Apart
    """From the training on one replica, with the change."""


@with_config(WITH_ARRAYS)
@dataclass
class ReplicasEvidence:
    """What one side did."""

    refused: str = ""
    """Why nothing was compared."""
    synchronised: bool = False
    """Batch normalisation took the statistics of the whole batch, as twotrack's own runs do it."""
    several: Trained = field(default_factory=Trained)
    apart: Apart = field(default_factory=Apart)
    """Several replicas from one."""
    from_common: float | None = None
    """Largest difference of steps that begin with the same weights, where free trainings part late; else None."""
    tried: list[Tried] = field(default_factory=list)

    @property
    def cause(self) -> Tried | None:
        """The first change that mends the training."""
        return next((one for one in self.tried if one.apart.is_equal), None)

    @property
    def is_equal(self) -> bool:
        """Several replicas do the training of one."""
        return self.apart.is_equal or (self.from_common is not None and self.from_common <= LIMIT)


class ReplicasRequest(SideRequest):
    """One side, to be trained on so many replicas."""

    count: int
    synchronised: bool


class FollowRequest(ReplicasRequest):
    """One side in a process that is one of the replicas."""

    seat: Seat


Change = Callable[[Replicas], Replicas]
CHANGES: Mapping[str, Change] = {
    "statistics": lambda one: replace(one, synchronised=True),
    "clipping": lambda one: replace(one, clips_mean=True),
    "both": lambda one: replace(one, synchronised=True, clips_mean=True),
    "sum": lambda one: replace(one, reduction="sum"),
    "scalar": lambda one: replace(one, reduction="scalar"),
    "whole": lambda one: replace(one, sharing="whole"),
}
"""By name, the likeliest first: statistics of the whole batch; clipping of averaged gradients; both; the sum of the
losses in place of their mean; the mean of what MirroredStrategy takes for a sum; the whole batch on every replica, so
that nothing is shared out."""


@task
def measure_replicas(request: ReplicasRequest, report: Report) -> Path:
    """Train on one replica and on several; return the folder of a ReplicasEvidence."""
    track = open_track(request.side.track, "cpu")
    found = _Measurement(request, track, lambda phase: report(phase, {})).run()
    return evidence.save(found, request.folder)


@task
def follow_side(request: FollowRequest, report: Report) -> None:
    """Be one of the replicas that train a side."""
    track = open_track(request.side.track, "cpu")
    track.sit(request.seat)
    track.follow(_side(request, track, lambda phase: report(phase, {})).model, request.seat)


def _side(request: ReplicasRequest, track: Track, phase: Callable[[str], None]) -> ObservedSide:
    exercise = find_exercise(request.verify, request.side)
    return ObservedSide(exercise, track, "float64", phase, request.alignment)


class _Measurement:
    """Of one side."""

    def __init__(self, request: ReplicasRequest, track: Track, phase: Callable[[str], None]):
        self._request, self._track, self._phase = request, track, phase

    def run(self) -> ReplicasEvidence:
        """Compare, and look for the cause where there is a difference."""
        self._phase("one replica")
        side = _side(self._request, self._track, self._phase)
        require_replicas(self._request.count, side.exercise.pair.batch_size)
        if side.has_own_loop:
            return ReplicasEvidence("a training function of the user's own trains it, and shares nothing out")
        one = _trained(side)
        aligned = self._request.synchronised
        asked = Replicas(self._request.count, self._follow, synchronised=aligned, clips_mean=aligned)
        self._phase(f"{asked.count} replicas")
        try:
            several = self._several(asked)
        except UserError as error:  # what the track's replicas cannot do
            return ReplicasEvidence(str(error))
        found = ReplicasEvidence(synchronised=asked.synchronised, several=several, apart=apart(one, several))
        if not found.apart.is_equal and found.apart.gradient <= LIMIT and len(one.weights) > 1:
            self._phase("from common weights")
            found.from_common = self._from_common(asked, one)
        if not found.is_equal:
            self._look_for_cause(found, asked, one)
        several.weights = several.weights[-1:]
        return found

    def _several(self, asked: Replicas) -> Trained:
        with self._track.replicated(asked):
            return _trained(_side(self._request, self._track, self._phase))

    def _look_for_cause(self, found: ReplicasEvidence, asked: Replicas, one: Trained) -> None:
        """Try changes until one mends the training."""
        for name, change in CHANGES.items():
            if found.cause is None and change(asked) != asked:
                self._phase(f"cause: {name}?")
                found.tried.append(Tried(name, apart(one, self._several(change(asked)))))

    def _from_common(self, asked: Replicas, one: Trained) -> float:
        """Return the largest difference of steps that all begin with the weights that one replica had."""
        with self._track.replicated(asked):
            side, largest, done = _side(self._request, self._track, self._phase), 0.0, 0

            def compare(step: Step) -> None:
                nonlocal largest, done
                weights, loss = side.model.weights(), relative(np.array(one.losses[done]), np.array(step.loss))
                largest = max(largest, loss, *(relative(one.weights[done][name], weights[name]) for name in weights))
                side.model.load_weights(one.weights[done])
                done += 1

            side.source.restart()
            side.rehearse(compare)
        return largest

    def _follow(self, seat: Seat) -> None:
        """Let a process of its own be a replica."""
        asked = FollowRequest(
            **{name: getattr(self._request, name) for name in ReplicasRequest.model_fields}, seat=seat
        )
        with Worker(self._request.side.track, "cpu") as worker:
            worker.call(follow_side, asked)


def _trained(side: ObservedSide) -> Trained:
    """Train from the exercise's weights, with the same random draws each time."""
    found = Trained(gradients=_gradients(side))
    side.reset()

    def keep(step: Step) -> None:
        found.losses.append(step.loss)
        if not side.is_large:
            found.weights.append(side.model.weights())
        side.forget_step()

    side.rehearse(keep)
    if side.is_large:
        found.weights.append(side.model.weights())
    side.model.end_training()
    return found


def _gradients(side: ObservedSide) -> dict[str, np.ndarray]:
    """Return the gradients of the first batch as a training step has them: weights before less those after it.

    An optimizer that divides by the size of gradients would not show that all are some times too large.
    """
    model, exercise = side.model, side.exercise
    side.reset()
    inputs = exercise.inputs()
    targets = exercise.targets([one.shape for one in model.outputs(inputs)])
    model.compile(SGD(learning_rate=1.0), [1.0])
    before = model.weights()
    model.train_step(inputs, targets)
    after = model.weights()
    model.end_training()
    return {name: before[name] - after[name] for name in sorted(side.trained_shapes())}


def apart(one: Trained, several: Trained) -> Apart:
    """Return by how much two trainings differ."""
    found = Apart(gradient=max(gradient_differences(one.gradients, several.gradients).values(), default=0.0))
    found.loss = max(map(_relative, one.losses, several.losses), default=0.0)
    for step, (own, other) in enumerate(zip(one.weights, several.weights, strict=True), 1):
        name, difference = largest_difference(own, other)
        found.weight = max(found.weight, difference)
        if found.step is None and difference > LIMIT:
            found.step, found.where = step, name
    if found.step is None and found.gradient > LIMIT:
        differences = gradient_differences(one.gradients, several.gradients)
        found.where = max(differences, key=differences.__getitem__)
    return found


def _relative(one: float, other: float) -> float:
    return relative(np.array(one), np.array(other))


def gradient_differences(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the difference of every gradient, relative to its largest and at least to a share of the model's."""
    floor = GRADIENT_SCALE_FLOOR * max((float(np.abs(each).max()) for each in one.values() if each.size), default=0.0)
    sizes = {name: float(np.abs(each).max(initial=0.0)) for name, each in one.items()}
    shared = {name: each for name, each in other.items() if name in one}
    return {name: relative(one[name], each, max(sizes[name], floor) or None) for name, each in shared.items()}


def largest_difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> tuple[str, float]:
    """Return the weight that differs most, and by how much."""
    differences = {name: relative(one[name], each) for name, each in other.items() if name in one}
    name = max(differences, key=differences.__getitem__, default="")
    return name, differences.get(name, 0.0)
