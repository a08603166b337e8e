"""Worker task of the rung training's second look at a large model: it trains, each step from the weights of the start.

Weights after every step are too many to hand from one side to the other. But both sides have the weights that they
start with, so each goes back to these after each of its own steps, by itself: its optimizer goes on as it is, and
differs by no more than the rounding of gradients. Digests tell what each step made of the weights.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.runs.fitting import Step
from twotrack.shared.verify import evidence, following, keeping
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


@with_config(WITH_ARRAYS)
@dataclass
class Stepped:
    """What a side did that stepped from the same weights each time."""

    losses: list[float] = field(default_factory=list)
    """Before each step."""
    penalties: list[float] = field(default_factory=list)
    """As Trace.penalties."""
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    """Digests after each step; see keeping.py."""
    outputs: list[np.ndarray] = field(default_factory=list)
    """(batch, ...) in inference mode, from the weights of the start, when all steps are done."""


class StepRequest(SideRequest):
    """A side that steps."""

    moved: int | None = None
    """Number of the draw by which gradients are moved by their limit, to see what rounding can make; None for not."""


@task
def step_from_start(request: StepRequest, report: Report) -> Path:
    """Train from the same weights in every step; return the folder of a Stepped."""
    side, found = following.observed(request, report), Stepped()
    if request.moved is not None:
        track = open_track(request.side.track, "auto")
        track.move_gradients(side.model, TOLERANCES["gradients"].limit, request.moved)
    following.note_penalty(side, found.penalties)
    side.rehearse(_Keeper(side, found))
    side.model.end_training()
    found.outputs = side.outputs()
    return evidence.save(found, request.folder)


class _Keeper:
    """Keeps what a step made of the weights, and puts those of the start back."""

    def __init__(self, side: ObservedSide, found: Stepped):
        self._side, self._found = side, found

    def __call__(self, step: Step) -> None:
        self._found.losses.append(step.loss)
        self._side.forget_step()
        self._found.weights.append(keeping.digested_weights(self._side.model.live_weights()))
        self._side.load(self._side.start())
        following.note_penalty(self._side, self._found.penalties)
