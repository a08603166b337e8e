"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.probe import Replay
from twotrack.shared.spec.track import Precision
from twotrack.shared.spec.widening import NarrowRequest
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import (
    RUNGS,
    AnswerRequest,
    LayerRequest,
    RungRequest,
    SideRequest,
    VerifyRequest,
)
from twotrack.shared.verify.rungs import PROBE_RUNGS, ProbeRung
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


@task
def observe(request: SideRequest, report: Report) -> Observation:
    """Return what one side of a pair does; arrays go to the request's folder."""
    report("starting", {})
    try:
        return observation(request, report)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def observation(request: SideRequest, report: Report) -> Observation:
    """Show one side; write a trace for each precision, and what the probes found, below the request's folder."""
    track, exercise = open_track(request.track, "auto"), find_exercise(request.verify)
    description: dict[str, Any] = {}
    folders: dict[Precision, Path] = {}
    requests: list[NarrowRequest] = []
    probed: dict[str, dict[Precision, Path]] = {rung.name: {} for rung in _climbed(request.verify)}
    for precision in request.precisions:
        phase = partial(_report_phase, report, precision)
        side = ObservedSide(exercise, track, precision, phase, request.alignment)
        described = side.describe()
        description = description or described  # float64 comes first; in it layers say what else they were built for
        if not side.model.given.is_plain:  # the other side has to say which of its outputs these are
            only = evidence.save(Trace(outputs=side.outputs()), request.folder / precision / "outputs")
            return Observation(**description, folders={precision: only}, alignment=request.alignment)
        folders[precision] = evidence.save(side.trace(), request.folder / precision / "trace")
        for rung in _climbed(request.verify) if precision == "float64" else ():
            probed[rung.name][precision] = _probe(side, rung, request.folder / precision / rung.name)
        requests += side.probe.narrow_requests()
    return Observation(
        **description, narrow_requests=requests, folders=folders, alignment=request.alignment, probed=probed
    )


def _climbed(request: VerifyRequest) -> list[ProbeRung]:
    """Return the rungs with probes of their own that the request wants to climb."""
    last = RUNGS.index(request.until)
    return [rung for rung in PROBE_RUNGS if RUNGS.index(rung.name) <= last]


def _probe(side: ObservedSide, rung: ProbeRung, folder: Path) -> Path:
    """Let a rung look at the side, on drawn weights; return the folder with what it found."""
    side.report(rung.name)
    side.reset()
    return evidence.save(rung.observe(side), folder)


def _report_phase(report: Report, precision: Precision, phase: str) -> None:
    report(f"{phase} {precision}", {})


@task
def answer(request: AnswerRequest, report: Report) -> dict[Precision, Path]:
    """Run a side on what was found on both; return folders with what it did, in both precisions."""
    rung = _named(request.rung)
    found = {track: evidence.load(rung.evidence, folder) for track, folder in request.found.items()}
    track, exercise, folders = open_track(request.track, "auto"), find_exercise(request.verify), {}
    for precision in request.precisions:
        side = ObservedSide(exercise, track, precision, partial(_report_phase, report, precision))
        side.describe()
        side.report(rung.name)
        folders[precision] = evidence.save(
            rung.answer(side, found), request.folder / precision / f"{rung.name} answered"
        )
    return folders


@task
def measure_rounding(request: RungRequest, report: Report) -> Path:
    """Let a rung look at a side in float32 too; return the folder with what it found."""
    track, exercise = open_track(request.track, "auto"), find_exercise(request.verify)
    side = ObservedSide(exercise, track, "float32", partial(_report_phase, report, "float32"), request.alignment)
    side.describe()
    return _probe(side, _named(request.rung), request.folder / "float32" / request.rung)


def _named(name: str) -> ProbeRung:
    return next(rung for rung in PROBE_RUNGS if rung.name == name)


@task
def record_operations(request: SideRequest) -> Path:
    """Run a side once, in float64; return the folder of an OperationsTrace."""
    track = open_track(request.track, "auto")
    with track.places_noted():
        side = ObservedSide(find_exercise(request.verify), track, "float64", lambda _: None)
    return evidence.save(side.probe.operations(side.exercise.inputs()), request.folder / "operations")


@task
def isolate(request: LayerRequest) -> Path:
    """Run one layer alone on the inputs that the other side's got; return the folder of a Replay."""
    side = ObservedSide(find_exercise(request.verify), open_track(request.track, "auto"), "float64", lambda _: None)
    layer = evidence.load(Trace, request.reference).layers[request.number]
    inputs = [np.array(array) for array in layer.inputs]
    try:
        replay = side.probe.replay_layer(request.path, side.exercise.inputs(), inputs)
    except Exception as error:  # whatever the user's layer raises: the verdict stands without it
        replay = Replay(error=one_line(error))
    return evidence.save(replay, request.folder / "alone")
