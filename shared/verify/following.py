"""Worker tasks of the rung training's second look: one side leads, others step from its weights, or stray from them.

A deep network enlarges rounding from step to step, until two equal models have nothing in common any more. From
common weights one step of them is equal, whatever the depth. So the reference trains and writes its weights after every
step, and the other side is given these after each of its own steps: its optimizer goes on as it is, and differs by no
more than the rounding of gradients.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.precision.rounding import Rounding
from twotrack.shared.runs.fitting import Step
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.verify import evidence
from twotrack.shared.verify.observe import find_exercise
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

LED = "led"
"""In the leader's folder, what its training came to."""
EXCESS_LIMIT = 1_000_000
"""Values beyond the limit that are kept; a side with more of them is another model."""
UNIT = float(np.finfo(np.float64).eps)
"""Of the last place of a number near 1."""
MOVED_UNITS = 4
"""By which weights are moved to see what rounding makes of a gradient."""


@with_config(WITH_ARRAYS)
@dataclass
class Weights:
    """All weights at one time, by canonical name."""

    values: dict[str, np.ndarray]


@with_config(WITH_ARRAYS)
@dataclass
class Led:
    """What the leader's training came to, beside its weights."""

    losses: list[float] = field(default_factory=list)
    """Before each step."""
    penalties: list[float] = field(default_factory=list)
    """As Trace.penalties."""
    validation: list[float] = field(default_factory=list)
    trained_outputs: list[np.ndarray] = field(default_factory=list)


@with_config(WITH_ARRAYS)
@dataclass
class Excess:
    """Numbers of one weight that are further apart than the limit after one step from common weights."""

    step: int
    """0-based."""
    name: str
    size: int
    """How many numbers the weight has."""
    places: np.ndarray
    """In the flattened weight."""
    differences: np.ndarray
    """Of these numbers, relative to the largest of the weight."""
    sums: np.ndarray
    """Of their differences in all steps so far."""

    @property
    def key(self) -> str:
        """Tells it from others."""
        return key(self.step, self.name)


def key(step: int, name: str) -> str:
    """Return what an Excess of that step and weight is called."""
    return f"{step} {name}"


@with_config(WITH_ARRAYS)
@dataclass
class Followed:
    """What a side did that stepped from the leader's weights."""

    losses: list[float] = field(default_factory=list)
    penalties: list[float] = field(default_factory=list)
    """As Trace.penalties."""
    largest: list[dict[str, float]] = field(default_factory=list)
    """By step: the largest difference of every weight, or of the sum of its differences so far; relative."""
    typical: list[dict[str, float]] = field(default_factory=list)
    """By step: the root of the mean square of every weight's differences, relative."""
    excess: list[Excess] = field(default_factory=list)
    is_complete: bool = True
    """All that exceeds the limit is in `excess`."""
    validation: list[float] = field(default_factory=list)
    trained_outputs: list[np.ndarray] = field(default_factory=list)


@with_config(WITH_ARRAYS)
@dataclass
class Explained:
    """What rounding can make where another side exceeded the limit, by the key of the Excess."""

    differences: dict[str, np.ndarray] = field(default_factory=dict)
    """Sizes, as Excess.differences."""
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    """Before each step, from weights that are moved by rounding."""


@with_config(WITH_ARRAYS)
@dataclass
class Strayed:
    """How far the leader moves from its own way when rounding is added to its weights after every step."""

    losses: list[float] = field(default_factory=list)
    """Before each step."""
    weights: list[float] = field(default_factory=list)
    """By step: the largest of all weights, relative."""


class LeadRequest(SideRequest):
    """A side that leads."""


class FollowRequest(SideRequest):
    """A side that follows, or strays from, the leader in a folder."""

    leader: Path
    followed: Path | None = None
    """What another side did: to explain its excess, or to add what it differed by."""
    draw: int = 0
    """Number of the random draw."""
    rounds: bool = False
    """To explain: every operation rounds at random, as the network enlarges that."""


@task
def lead(request: LeadRequest, report: Report) -> Path | None:
    """Train freely and write all weights after every step; None if the disk has no room for them."""
    side = observed(request, report)
    trajectory, led = Trajectory(request.folder), Led()

    def keep(step: Step) -> None:
        led.losses.append(step.loss)
        trajectory.add(side.model.weights())
        note_penalty(side, led.penalties)

    note_penalty(side, led.penalties)
    try:
        led.validation = side.rehearse(keep).validation
    except NoRoomError:
        shutil.rmtree(request.folder)
        return None
    led.trained_outputs = side.model.outputs(side.exercise.inputs())
    evidence.save(led, request.folder / LED)
    return request.folder


@task
def follow(request: FollowRequest, report: Report) -> Path:
    """Train from the leader's weights in every step; return the folder of a Followed."""
    side, found = observed(request, report), Followed()
    follower = _Follower(side.model, Trajectory(request.leader), found)

    def compare(step: Step) -> None:
        follower(step)
        note_penalty(side, found.penalties)

    note_penalty(side, found.penalties)
    found.validation = side.rehearse(compare).validation
    found.trained_outputs = side.model.outputs(side.exercise.inputs())
    return evidence.save(found, request.folder)


@task
def explain(request: FollowRequest, report: Report) -> Path:
    """Let the leader follow with gradients moved by their limit, and weights by rounding; return an Explained."""
    assert request.followed is not None
    side, found = observed(request, report), Explained()
    open_track(request.side.track, "auto").move_gradients(side.model, TOLERANCES["gradients"].limit, request.draw)
    excess = {excess.key: excess.places for excess in evidence.load(Followed, request.followed).excess}
    with side.probe.rounded(Rounding("float64", request.draw)) if request.rounds else nullcontext():
        side.rehearse(_Explainer(side.model, Trajectory(request.leader), request.draw, excess, found))
    return evidence.save(found, request.folder)


@task
def stray(request: FollowRequest, report: Report) -> Path:
    """Train freely with rounding added to the weights after every step; return the folder of a Strayed."""
    assert request.followed is not None
    side, found = observed(request, report), Strayed()
    typical = evidence.load(Followed, request.followed).typical
    side.rehearse(_Stray(side.model, Trajectory(request.leader), typical, request.draw, found))
    return evidence.save(found, request.folder)


def observed(request: SideRequest, report: Report) -> ObservedSide:
    """Return the side of a request, which trains again."""

    def tell(phase: str) -> None:
        report(f"{phase} again", {})

    track = open_track(request.side.track, "auto")
    return ObservedSide(find_exercise(request.verify, request.side), track, "float64", tell, request.alignment)


def note_penalty(side: ObservedSide, penalties: list[float]) -> None:
    """Keep the penalty that the weights have now, if the side has any."""
    penalty = side.probe.penalty()
    if penalty is not None:
        penalties.append(penalty.value)


class NoRoomError(Exception):
    """The disk has no room for weights."""


class Trajectory:
    """Weights after every step, in a folder."""

    def __init__(self, folder: Path):
        self._folder, self._steps = folder, 0

    def add(self, weights: Mapping[str, np.ndarray]) -> None:
        """Write the weights after the next step; NoRoomError if that would fill the disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < 2 * sum(array.nbytes for array in weights.values()):
            raise NoRoomError
        evidence.save(Weights(dict(weights)), self._of(self._steps))
        self._steps += 1

    def after(self, step: int) -> Mapping[str, np.ndarray]:
        """Return the weights after a step (0-based), mapped into memory."""
        return evidence.load(Weights, self._of(step)).values

    def _of(self, step: int) -> Path:
        return self._folder / f"after-{step}"


class _Differing:
    """Knows, after every step, how a side that steps from the leader's weights differs from the leader."""

    def __init__(self, model: TrackModel, trajectory: Trajectory):
        self._model, self._trajectory, self._done = model, trajectory, 0
        self._sums: dict[str, np.ndarray] = {}

    def __call__(self, step: Step) -> None:
        """Compare, then go on from the leader's weights."""
        leader, own = self._trajectory.after(self._done), self._model.weights()
        for name in list(own):
            array = own.pop(name)
            scale = float(np.abs(leader[name]).max(initial=0.0)) or 1.0
            difference = (array.astype(float) - leader[name]) / scale
            sums = self._sums[name] = self._sums.get(name, 0.0) + difference
            self._note(name, difference.reshape(-1), sums.reshape(-1))
        self._model.load_weights(self._onward(leader))
        self._done += 1

    def _onward(self, leader: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Return the weights from which the next step is done."""
        return leader

    def _note(self, name: str, differences: np.ndarray, sums: np.ndarray) -> None:
        raise NotImplementedError


class _Follower(_Differing):
    """Notes how far a side differs."""

    def __init__(self, model: TrackModel, trajectory: Trajectory, found: Followed):
        super().__init__(model, trajectory)
        self._found, self._room = found, EXCESS_LIMIT

    def __call__(self, step: Step) -> None:
        """Keep the loss, and compare."""
        self._found.losses.append(step.loss)
        self._found.largest.append({})
        self._found.typical.append({})
        super().__call__(step)

    def _note(self, name: str, differences: np.ndarray, sums: np.ndarray) -> None:
        sizes = np.maximum(np.abs(differences), np.abs(sums))
        largest = float(sizes.max(initial=0.0))
        self._found.largest[-1][name] = largest if np.isfinite(largest) else np.inf
        self._found.typical[-1][name] = float(np.sqrt(np.mean(np.square(differences)))) if differences.size else 0.0
        if largest > (limit := TOLERANCES["training"].limit) or not np.isfinite(largest):
            self._keep_excess(name, np.flatnonzero(~(sizes <= limit)), differences, sums)

    def _keep_excess(self, name: str, places: np.ndarray, differences: np.ndarray, sums: np.ndarray) -> None:
        self._room -= len(places)
        if self._room < 0:
            self._found.is_complete = False
            return
        self._found.excess.append(Excess(self._done, name, differences.size, places, differences[places], sums[places]))


def off_by_rounding(weight: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a weight each number of which is moved by MOVED_UNITS, up or down."""
    if weight.dtype.kind != "f":
        return weight
    return weight * (1 + MOVED_UNITS * UNIT * generator.choice([-1.0, 1.0], weight.shape))


class _Explainer(_Differing):
    """Notes how far the leader, its gradients moved, differs from itself where another side exceeded the limit.

    Each step is done from weights that are moved by some units of rounding, too, and where the network enlarges that
    each operation rounds at random: what sums in another order do to a gradient is what that does to it.
    """

    def __init__(
        self,
        model: TrackModel,
        trajectory: Trajectory,
        draw: int,
        excess: Mapping[str, np.ndarray],
        found: Explained,
    ):
        super().__init__(model, trajectory)
        self._generator, self._excess, self._found = np.random.default_rng(draw), excess, found
        model.load_weights(self._onward(model.weights()))

    def __call__(self, step: Step) -> None:
        """Keep the loss, and compare."""
        self._found.losses.append(step.loss)
        super().__call__(step)

    def _onward(self, leader: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Return weights that are off by rounding."""
        return {name: off_by_rounding(array, self._generator) for name, array in leader.items()}

    def _note(self, name: str, differences: np.ndarray, sums: np.ndarray) -> None:
        places = self._excess.get(found := key(self._done, name))
        if places is not None:
            self._found.differences[found] = np.abs(differences[places])
            self._found.sums[found] = np.abs(sums[places])


class _Stray:
    """Adds rounding after every step, and notes how far the side has moved from the leader."""

    def __init__(
        self,
        model: TrackModel,
        trajectory: Trajectory,
        typical: Sequence[Mapping[str, float]],
        draw: int,
        found: Strayed,
    ):
        self._model, self._trajectory, self._typical, self._found = model, trajectory, typical, found
        self._generator = np.random.default_rng(draw)
        model.load_weights(self._moved(model.weights(), {}))

    def __call__(self, step: Step) -> None:
        """Compare, then move the weights."""
        done = len(self._found.weights)
        leader, own = self._trajectory.after(done), self._model.weights()
        self._found.losses.append(step.loss)
        self._found.weights.append(max(_movement(leader[name], array) for name, array in own.items()))
        self._model.load_weights(self._moved(own, self._typical[done]))

    def _moved(self, weights: dict[str, np.ndarray], typical: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Return weights moved by what the other side typically differs by, and by the last place at least."""
        for name, array in weights.items():
            size = max(typical.get(name, 0.0), UNIT) * float(np.abs(array).max(initial=0.0))
            if np.issubdtype(array.dtype, np.floating):
                weights[name] = array + size * self._generator.normal(size=array.shape)
        return weights


def _movement(leader: np.ndarray, own: np.ndarray) -> float:
    """Return the largest difference, relative to the leader's largest number."""
    scale = float(np.abs(leader).max(initial=0.0)) or 1.0
    return float(np.abs(own - leader).max(initial=0.0)) / scale
