"""The optimizer's state beside the weights that are converted, and the proof that it is the same on both sides.

Both frameworks load their own file into their own model and their own optimizer, in float64, without dropout, and train
one step on one batch of the chapter's data. Where epsilon stands and how weights decay is no matter of the state, and
differs between the frameworks: both are left out of that step.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.errors import UserError
from twotrack.shared.runs import training_state
from twotrack.shared.runs.run_folder import read as read_run
from twotrack.shared.spec import optimizer_files
from twotrack.shared.spec.optimizer_files import CARRIED, CarriedOptimizer
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

BATCH = 16
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
    """Train one step from a file, as its framework loads it; write the weights behind it in canonical form."""
    track, variant = open_track(request.track, "cpu"), request.model
    model = track.build(whole_pair(variant), 0, "float64")
    model.probe().remove_dropout()
    carried = optimizer_files.load(request.state)
    model.compile(carried.for_proof, [carried.spec.learning_rate])
    track.optimizer_files().resume(request.path, model, carried.for_proof)
    data = variant.data()
    batch = next(TrainingBatches(data, data.train, BATCH, 0, variant.chapter.loss).epoch(0))
    before = model.weights()
    model.train_step(batch.inputs, batch.targets)
    moved = {name: array - before[name] for name, array in model.weights().items()}
    save_file({name: np.ascontiguousarray(array) for name, array in moved.items()}, request.out)


def _builder(files: StateFiles):  # type: ignore[no-untyped-def]
    track = open_track(files.track, "cpu")

    def build(precision: Precision) -> TrackModel:
        return track.build(whole_pair(files.model), 0, precision)

    return build


def of_run(folder: Path, out: Path) -> None:
    """Write the state of a run's optimizer in canonical form; UserError if it has none that can be carried."""
    run = read_run(folder)
    stood = training_state.read(folder, run.record.files, run.weights)
    spec = run.record.job.variant.recipe.stages[stood.place.stage].optimizer
    if type(spec).__name__ not in CARRIED or spec.has_options:
        raise UserError(
            f"--with-optimizer: expected a run of one of {', '.join(CARRIED)}, without groups, clipping, accumulation "
            f"and averages, found {type(spec).__name__}{' with such' if spec.has_options else ''}; the frameworks' own "
            "optimizers have no place for its state. 'twotrack run --from' goes on with it on any track."
        )
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
    first, second, slots = load_file(one), load_file(other), optimizer_files.load(state).state.slots
    sizes = []
    for name, array in first.items():
        remembered = slots.get(f"velocity/{name}", array), slots.get(f"step/{name}", array)
        scale = max(float(np.abs(part).max()) for part in (array, *remembered)) or 1.0
        sizes.append(float(np.abs(array - second[name]).max()) / scale)
    single = any(array.dtype == np.float32 for array in slots.values())
    return Apart(max(sizes), ROUNDED if single else TOLERANCES["training"].limit)
