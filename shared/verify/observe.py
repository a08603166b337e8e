"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import Precision
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
    probed: dict[str, dict[Precision, Path]] = {rung.name: {} for rung in _climbed(request.verify)}
    for precision in request.verify.precisions:
        phase = partial(_report_phase, report, precision)
        side = ObservedSide(exercise, track, precision, phase, request.alignment)
        described = side.describe()
        description = description or described  # float64 comes first; in it layers say what else they were built for
        folders[precision] = evidence.save(side.trace(), request.folder / precision / "trace")
        for rung in _climbed(request.verify) if precision == "float64" else ():
            probed[rung.name][precision] = _probe(side, rung, request.folder / precision / rung.name)
    return Observation(**description, folders=folders, alignment=request.alignment, probed=probed)


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
def answer(request: AnswerRequest, report: Report) -> Path:
    """Run a side on what was found on both; return the folder with what it did."""
    rung, precision = _named(request.rung), request.precision
    found = {track: evidence.load(rung.evidence, folder) for track, folder in request.found.items()}
    track, exercise = open_track(request.track, "auto"), find_exercise(request.verify)
    side = ObservedSide(exercise, track, precision, partial(_report_phase, report, precision))
    side.describe()
    side.report(rung.name)
    return evidence.save(rung.answer(side, found), request.folder / precision / f"{rung.name} answered")


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
def isolate(request: LayerRequest) -> Path:
    """Run one layer alone on the inputs that the other side's got; return the folder of a trace."""
    side = ObservedSide(find_exercise(request.verify), open_track(request.track, "auto"), "float64", lambda _: None)
    layer = evidence.load(Trace, request.reference).layers[request.number]
    outputs = side.probe.run_layer(request.path, [np.array(array) for array in layer.inputs])
    return evidence.save(Trace(outputs=outputs), request.folder / "alone")
