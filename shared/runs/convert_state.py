"""The optimizer's state beside the weights that are converted, and the proof that it is the same on both sides.

Both frameworks load their own file into their own model and the optimizer that it is of, in float64, without dropout,
and train up to their next update on the same batches. Where epsilon stands and how weights decay is no matter of the
state, and differs between the frameworks' own optimizers: both are left out of that step then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.errors import UserError
from twotrack.shared.runs import training_state
from twotrack.shared.runs.run_folder import read as read_run
from twotrack.shared.spec import optimizer_files
from twotrack.shared.spec.optimizer_files import CarriedOptimizer
from twotrack.shared.spec.optimizers import SGD, Nadam
from twotrack.shared.spec.state import AVERAGE, key
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

BATCH, STATE = 16, "optimizer.safetensors"
EPSILON, OPERATIONS = 2.0**-52, 16
"""Rounding of float64, and how many of them a gradient that should be zero may be made of."""
ROUNDED = 2.0**-23
"""Of a float32 that was multiplied by a learning rate, as SGD's velocity is in Keras and in torch is not."""


@dataclass(frozen=True)
class StateFiles:
    """A file of a track's framework, and its optimizer's state and weights in canonical form."""

    track: str
    model: ChapterVariant
    path: Path
    canonical: Path
    state: Path


@dataclass(frozen=True)
class StepRequest:
    """One further step from a file."""

    track: str
    model: ChapterVariant
    path: Path
    state: Path
    out: Path


@task
def read_state(files: StateFiles) -> bool:
    """Read the state of a file's optimizer and write it in canonical form; return whether there is any."""
    track = open_track(files.track, "cpu")
    carried = track.optimizer_files().read(files.path, _builder(files), files.model.recipe.optimizer)
    if carried:
        optimizer_files.save(carried, files.state)
    return carried is not None


@task
def write_training(files: StateFiles) -> None:
    """Write weights and state as a file of the track's framework."""
    track, canonical = open_track(files.track, "cpu"), load_file(files.canonical)
    try:
        track.optimizer_files().write(files.path, canonical, optimizer_files.load(files.state), _builder(files))
    except BridgeError as error:
        raise UserError(str(error)) from error


@task
def further_step(request: StepRequest) -> None:
    """Train up to the next update from a file, as its framework loads it; write what it moved in canonical form."""
    track, variant = open_track(request.track, "cpu"), request.model
    model = track.build(whole_pair(variant), 0, "float64")
    data = variant.data()
    batches = TrainingBatches(data, data.train, BATCH, 0, variant.chapter.loss).epoch(0)
    moved = moved_by(track, model, request.path, optimizer_files.load(request.state), batches)
    save_file(moved, request.out)


def moved_by(
    track: Track,
    model: TrackModel,
    path: Path,
    carried: CarriedOptimizer,
    batches: Iterable[Batch],
    skip: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Return, by weight, what training from a file up to its next update moves; averages as they are behind it."""
    model.probe().remove_dropout()
    spec, state = carried.for_proof, carried.state
    model.compile(spec, [spec.learning_rate])
    track.carrier().load(model, path, skip)
    track.optimizer_files().resume(path, model, spec)
    before = model.weights()
    for batch, _ in zip(batches, range(spec.accumulate - state.batches % spec.accumulate), strict=False):
        model.train_step(batch.inputs, batch.targets)
    moved = {name: np.ascontiguousarray(array - before[name]) for name, array in model.weights().items()}
    return moved | (_averages(model) if spec.average else {})


def _averages(model: TrackModel) -> dict[str, np.ndarray]:
    with model.averaged():
        found = model.weights()
    return {key(AVERAGE, name): np.ascontiguousarray(found[name]) for name in model.trainable_names()}


def no_state(path: Path) -> UserError:
    """Return the error of a file without a state."""
    return UserError(f"--with-optimizer: '{path}' holds no optimizer's state; leave it out.")


def no_place(out: Path) -> UserError:
    """Return the error of a file to write that has no place for a state."""
    return UserError(f"--out: expected a .pt file, which can hold the optimizer's state, found '{out}'.")


def notes_of(state: Path) -> Sequence[str]:
    """Return what is to be said of an optimizer that was carried."""
    return optimizer_files.load(state).notes


def _builder(files: StateFiles):  # type: ignore[no-untyped-def]
    track = open_track(files.track, "cpu")

    def build(precision: Precision) -> TrackModel:
        return track.build(whole_pair(files.model), 0, precision)

    return build


def of_run(folder: Path, out: Path) -> None:
    """Write the state of a run's optimizer in canonical form; UserError if it has none."""
    run = read_run(folder)
    stood = training_state.read(folder, run.record.files, run.weights)
    spec = run.record.job.variant.recipe.stages[stood.place.stage].optimizer
    spec = replace(spec, learning_rate=run.history["learning_rate"][-1])
    optimizer_files.save(CarriedOptimizer(spec, stood.optimizer), out)


@dataclass(frozen=True)
class Apart:
    """How far the steps of two sides are apart, relative to the largest of what moves a weight."""

    size: float
    limit: float
    """What rounding makes of equal states: in the step, and of a number that one file holds times a learning rate."""

    @property
    def is_rounding(self) -> bool:
        """Whether both sides are the same but for rounding; NaN is not."""
        return self.size <= self.limit


def apart(one: Path, other: Path, state: Path) -> Apart:
    """Compare what a step moved on two sides that have gone on from a state."""
    carried = optimizer_files.load(state)
    first, second, slots = load_file(one), load_file(other), carried.state.slots
    if first.keys() != second.keys():
        return Apart(float("inf"), 0.0)
    # torch rounds Nadam's product of momenta to float32.
    single = isinstance(carried.spec, Nadam) or any(array.dtype == np.float32 for array in slots.values())
    limit, rounding = ROUNDED if single else TOLERANCES["training"].limit, _rounding(carried)
    moved = max(_largest(array) for array in first.values())
    found = [
        _apart(array, second[name], _scale(name, array, slots), limit, rounding.get(name, 0.0) * moved)
        for name, array in first.items()
    ]
    return max(found, key=lambda one: one.size / one.limit)


def _rounding(carried: CarriedOptimizer) -> dict[str, float]:
    """Return by weight what share of a step the rounding of its gradient in float64 is, where a step is relative.

    A gradient that is zero but for rounding, such as that of an attention's key bias, is remembered as such: the step
    divides the one by the other.
    """
    sizes: dict[str, float] = {}
    for name, array in carried.state.slots.items():
        slot, _, weight = name.partition("/")
        if slot == "momentum":
            sizes[weight] = _largest(array)
        elif slot in ("velocity", "row", "sum") and not isinstance(carried.spec, SGD):  # of squares
            sizes.setdefault(weight, _largest(array) ** 0.5)
    return {name: OPERATIONS * EPSILON * max(sizes.values()) / size for name, size in sizes.items() if size}


def _scale(name: str, one: np.ndarray, slots: Mapping[str, np.ndarray]) -> float:
    remembered = slots.get(f"velocity/{name}", one), slots.get(f"step/{name}", one)
    return max(map(_largest, (one, *remembered))) or 1.0


def _apart(one: np.ndarray, other: np.ndarray, scale: float, limit: float, rounding: float) -> Apart:
    return Apart(_largest(one - other) / scale, limit + rounding / scale)


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0.0))
