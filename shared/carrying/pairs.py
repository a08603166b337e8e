"""Weights of a user's own pair from a file of one framework to one of the other, with a proof.

The two frameworks work in processes of their own; between them the weights lie in canonical form in a temporary file.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from safetensors import safe_open

from twotrack.shared.base import pages
from twotrack.shared.base.pages import OnDisk
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.carrying.state import StateRequest, further_step, read_state, write_state
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.runs import convert_state
from twotrack.shared.runs.convert_state import Apart, no_place
from twotrack.shared.runs.output_file import output, require_extension, require_output
from twotrack.shared.spec.sides import Sides, arrange
from twotrack.shared.spec.track import installed_track
from twotrack.shared.verify.exercise import loaded
from twotrack.shared.verify.mapping import with_map
from twotrack.shared.verify.material import draw_inputs
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.showing import Showing
from twotrack.shared.verify.sides import described
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.task import task

TRACKS = {"torch": "torch", "keras": "keras:torch"}
"""Who reads and writes: a pair needs both frameworks in any case, and on PyTorch Keras takes no memory for weights."""
READABLE = {
    "torch": (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".index.json"),
    "keras": (".weights.h5", ".keras", ".h5"),
}
PICKLED = (".pt", ".pth", ".bin", ".ckpt")
WRITABLE = {"torch": (".safetensors", ".pt"), "keras": (".weights.h5", ".keras")}
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class PairConversion:
    """What the user asked to convert."""

    verify: VerifyRequest
    """Names the pair and its weight map."""
    weights: Path
    to: str
    out: Path
    skip: tuple[str, ...] = ()
    """Names of tensors in the file that are left out, as a shell's patterns."""
    proof: bool = True
    with_optimizer: bool = False
    """Carry the optimizer's state too."""


@dataclass(frozen=True)
class Carried:
    """What was written."""

    out: Path
    weights: int
    values: int
    notes: list[str]
    difference: float | None
    """The largest relative difference of the two sides' outputs; None if they were not asked for."""
    step: Apart | None = None
    """How far a further step of both sides is apart; None if no optimizer was carried, or nobody asked."""

    @property
    def has_same_outputs(self) -> bool:
        """Whether the outputs are the same; True where nobody asked."""
        return self.difference is None or self.difference <= TOLERANCES["forward"].limit

    @property
    def is_proved(self) -> bool:
        """Whether the outputs are the same, and a further step; True where nobody asked."""
        return self.has_same_outputs and (self.step is None or self.step.is_rounding)


class CarryRequest(FrozenRecord):
    """One half of the way, for the worker of its track."""

    verify: VerifyRequest
    track: str
    source: Path
    target: Path
    skip: tuple[str, ...] = ()


def convert(request: PairConversion, on_step: OnStep, pool: WorkerPool | None = None) -> Carried:
    """Convert, so that `request.out` appears whole or not at all, then compare what both sides give.

    Raises UserError for anything that cannot be done; what needs no framework is checked first.
    """
    source = _checked(request)
    with lent_or_new(pool, "cpu") as workers, output(request.out) as out:
        folder, verify = out.parent, request.verify.located()
        verify = with_map(verify, _sides(verify, workers), Showing(workers, lambda *_: None), folder)
        canonical = folder / "canonical.safetensors"
        on_step(f"reading '{request.weights}' with {TRACKS[source]}{_at_once(request.weights)}")
        reading = CarryRequest(
            verify=verify, track=TRACKS[source], source=request.weights, target=canonical, skip=request.skip
        )
        notes = workers.call(reading.track, read, reading)
        on_step(f"writing '{request.out}' with {TRACKS[request.to]}")
        writing = CarryRequest(verify=verify, track=TRACKS[request.to], source=canonical, target=out)
        states = _states(reading, writing, folder) if request.with_optimizer else None
        if states:
            notes = [*notes, *_with_state(*states, workers)]
        else:
            notes = [*notes, *workers.call(writing.track, write, writing)]
        count, values = _contents(canonical)
        canonical.unlink()
        difference = _difference(reading, writing, folder, workers, on_step) if request.proof else None
        step = _step(*states, workers, on_step) if states and request.proof else None
    return Carried(request.out, count, values, notes, difference, step)


def _states(reading: CarryRequest, writing: CarryRequest, folder: Path) -> tuple[StateRequest, StateRequest]:
    """Return the requests for the optimizer of either side."""
    common = {"verify": reading.verify, "state": folder / convert_state.STATE, "canonical": reading.target}
    source = StateRequest(track=reading.track, file=reading.source, skip=reading.skip, **common)
    return source, StateRequest(track=writing.track, file=writing.target, **common)


def _with_state(source: StateRequest, target: StateRequest, workers: WorkerPool) -> Sequence[str]:
    """Write weights and the optimizer's state; return what is to be said of that."""
    workers.call(source.track, read_state, source)
    workers.call(target.track, write_state, target)
    return convert_state.notes_of(source.state)


def _step(source: StateRequest, target: StateRequest, workers: WorkerPool, on_step: OnStep) -> Apart:
    """Return how far a further step of both sides, each from its own file, is apart."""
    moved: list[Path] = []
    for side in (source, target):
        on_step(f"training a further step from '{side.file.name}' on {side.track}")
        asked = side.model_copy(update={"canonical": side.state.with_name(f"step {len(moved)}")})
        workers.call(side.track, further_step, asked)
        moved.append(asked.canonical)
    return convert_state.apart(moved[0], moved[1], source.state)


def _sides(verify: VerifyRequest, workers: WorkerPool) -> Sides:
    """Return both sides of the pair; UserError unless it is one of Keras and torch."""
    sides = arrange(described(verify, list(TRACKS.values()), workers).builds, list(TRACKS.values()))
    if not sides.builds.is_mixed:
        raise UserError(f"'{verify.name}': expected a Keras model and one of torch, found two of one framework.")
    return sides


def _difference(
    reading: CarryRequest, writing: CarryRequest, folder: Path, workers: WorkerPool, on_step: OnStep
) -> float:
    """Return how far the outputs of both sides, each with its own file, are apart."""
    found = []
    for track, file, skip in ((reading.track, reading.source, reading.skip), (writing.track, writing.target, ())):
        on_step(f"running the model with '{file.name}' on {track}")
        asked = CarryRequest(
            verify=reading.verify, track=track, source=file, target=folder / f"{track[:5]}.npz", skip=skip
        )
        workers.call(track, run, asked)
        with np.load(asked.target) as arrays:
            found.append([arrays[name] for name in arrays.files])
    if len(found[0]) != len(found[1]):
        raise UserError(f"the two sides have {len(found[0])} and {len(found[1])} outputs; run: twotrack verify.")
    return max(map(relative, *found), default=0.0)


def _checked(request: PairConversion) -> str:
    """Return the framework of the file; UserError if the file or the target cannot be."""
    if request.to not in WRITABLE:
        raise unknown("target of --to", request.to, WRITABLE)
    require_output(request.out, WRITABLE[request.to])
    if request.with_optimizer and request.out.suffix == ".safetensors":
        raise no_place(request.out)
    if not request.weights.is_file():
        raise UserError(f"there is no file '{request.weights}'.")
    source = next(side for side in READABLE if side != request.to)
    require_extension(request.weights, READABLE[source], f"--to {request.to}")
    for track in TRACKS.values():
        installed_track(track)
    return source


def _at_once(weights: Path) -> str:
    """Return what is to be said of a file that memory has to hold as a whole, which is one of torch before 1.6."""
    is_old = weights.suffix in PICKLED and not is_zipfile(weights)
    return ", all of it at once: it is in the format of torch before 1.6" if is_old else ""


def _contents(canonical: Path) -> tuple[int, int]:
    """Return how many weights and values there are."""
    with safe_open(canonical, "numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - no dict
    return len(shapes), sum(int(np.prod(shape, dtype=int)) for shape in shapes)


@task
def read(request: CarryRequest) -> list[str]:
    """Write the weights of a file of the track's framework in canonical form."""
    carrier = open_track(request.track, "cpu").carrier()
    try:
        return carrier.read(loaded(request.verify), request.source, request.target, request.skip)
    except BridgeError as error:
        raise UserError(str(error)) from error


@task
def write(request: CarryRequest) -> list[str]:
    """Write canonical weights as a file of the track's framework."""
    carrier = open_track(request.track, "cpu").carrier()
    try:
        return carrier.write(loaded(request.verify), request.source, request.target)
    except BridgeError as error:
        raise UserError(str(error)) from error


@task
def run(request: CarryRequest) -> None:
    """Write what the side gives with a file's weights, in float64, for drawn inputs."""
    track, pair = open_track(request.track, "cpu"), loaded(request.verify)
    with tempfile.TemporaryDirectory(dir=request.target.parent) as folder:
        disk = OnDisk(Path(folder))
        with pages.given_back(disk.spans):
            model = track.carrier().built_on_disk(track, pair, disk)
            track.carrier().load(model, request.source, request.skip)
            np.savez(request.target, *model.outputs(draw_inputs(pair, 0)))
