"""The optimizer's state beside the weights of a user's own pair, and the proof that it is the same on both sides.

The proof is a further step of both sides on drawn batches; see shared/runs/convert_state.py.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.runs import convert_state
from twotrack.shared.spec import optimizer_files
from twotrack.shared.spec.optimizer_files import is_of, other_optimizer
from twotrack.shared.spec.pair import CustomOptimizer, Pair
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.verify.exercise import loaded
from twotrack.shared.verify.material import PairBatches, draw_inputs
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


class StateRequest(FrozenRecord):
    """One half of the way, for the worker of its track."""

    verify: VerifyRequest
    track: str
    file: Path
    """Of the framework."""
    state: Path
    """The optimizer in canonical form."""
    canonical: Path
    """Weights to be written, or what a step has moved."""
    skip: tuple[str, ...] = ()


class _Side:
    """The pair on one track, and what builds its model."""

    def __init__(self, request: StateRequest):
        self.pair, self.track = loaded(request.verify), open_track(request.track, "cpu")
        if self.pair.train:
            raise UserError(
                "--with-optimizer: the pair has training functions of its own, which make its optimizer; name it as "
                "optimizer= of a Pair without train=."
            )

    def build(self, precision: Precision) -> TrackModel:
        return self.track.build(self.pair, 0, precision)


@task
def read_state(request: StateRequest) -> None:
    """Write the state of a file's optimizer in canonical form; UserError if it holds none, or another optimizer's."""
    side = _Side(request)
    try:
        found = side.track.optimizer_files().read(request.file, side.build, side.pair.optimizer)
    except BridgeError as error:
        raise UserError(str(error)) from error
    if found is None:
        raise convert_state.no_state(request.file)
    own = side.pair.optimizer
    if not isinstance(own, CustomOptimizer) and not is_of(found.name, own):
        raise UserError(other_optimizer(request.file, found.name, own))
    optimizer_files.save(found, request.state)


@task
def write_state(request: StateRequest) -> None:
    """Write canonical weights and the state as a file of the track's framework."""
    side = _Side(request)
    weights, carried = load_file(request.canonical), optimizer_files.load(request.state)
    try:
        side.track.optimizer_files().write(request.file, weights, carried, side.build)
    except BridgeError as error:
        raise UserError(str(error)) from error


@task
def further_step(request: StateRequest) -> None:
    """Train up to the next update from a file, as its framework loads it; write what it moved in canonical form."""
    side = _Side(request)
    model, carried = side.build("float64"), optimizer_files.load(request.state)
    batches = PairBatches(side.pair, _output_shapes(side.pair, model), carried.spec.accumulate)
    moved = convert_state.moved_by(side.track, model, request.file, carried, batches.epoch(0), request.skip)
    save_file(moved, request.canonical)


def _output_shapes(pair: Pair, model: TrackModel) -> list[tuple[int, ...]]:
    return [np.shape(output) for output in model.outputs(draw_inputs(pair, 0))]
