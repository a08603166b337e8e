"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from twotrack.shared.base.memory import give_back_free_memory
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.probe import Replay
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import Exercise, find_exercise
from twotrack.shared.verify.inspecting import inspecting
from twotrack.shared.verify.need import need_of
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import (
    OF_TRAINING,
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
from twotrack.shared.verify.unused import dependences
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


@task
def observe(request: SideRequest, report: Report) -> Observation:
    """Return what one side of a pair does; arrays go to the request's folder."""
    report("starting", {})
    try:
        with inspecting(request, report) as listen:
            return observation(request, listen)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def observation(request: SideRequest, report: Report) -> Observation:
    """Show one side; write a trace for each precision, and what the probes found, below the request's folder.

    One of many weights is shown in float64 only, which decides.
    """
    found: list[Observation] = []
    for precision in request.verify.precisions:
        found.append(_shown(request, precision, report))
        if not found[0].given.is_plain:
            break  # the other side has to say which of its outputs these are
        give_back_free_memory()  # a model is a circle of references, and the next one needs its room
        if not found[0].is_shown_in_float32(request.verify):
            break
    requests = tuple(one for part in found for one in part.narrow_requests)
    folders = {precision: folder for part in found for precision, folder in part.folders.items()}
    # float64 comes first; in it layers say what else they were built for, and probes look
    return found[0].model_copy(update={"narrow_requests": requests, "folders": folders})


def _shown(request: SideRequest, precision: Precision, report: Report) -> Observation:
    """Show a side in one precision."""
    track, exercise = open_track(request.side.track, "auto"), find_exercise(request.verify, request.side)
    side = ObservedSide(exercise, track, precision, partial(_report_phase, report, precision), request.alignment)
    is_first = not (request.verify.changes or request.verify.in_full)
    if is_first and side.is_large and precision == "float64" and request.side.is_reference:
        report(str(need_of(side)), {})
    shown = Observation(**side.describe(), folders={}, alignment=request.alignment)
    side.let_go()
    if not side.model.given.is_plain:
        only = evidence.save(Trace(outputs=side.outputs()), request.folder / precision / "outputs")
        return shown.model_copy(update={"folders": {precision: only}})
    changes: dict[str, Any] = {"unused": dependences(side)} if precision == "float64" else {}
    changes["folders"], changes["probed"] = _looked_at(side, request, exercise)
    return shown.model_copy(update=changes | {"narrow_requests": tuple(side.probe.narrow_requests())})


def _looked_at(
    side: ObservedSide, request: SideRequest, exercise: Exercise
) -> tuple[dict[Precision, Path], dict[str, dict[Precision, Path]]]:
    """Return the folders of the side's trace and of what its probes found.

    A large model is trained alone, as its optimizer takes several times what it trains; meanwhile another is probed.
    """
    folder, precision = request.folder / side.precision, side.precision
    rungs = _climbed(request.verify, side.has_own_loop)
    if precision != "float64":
        return {precision: evidence.save(side.trace(), folder / "trace")}, {rung.name: {} for rung in rungs}
    turn, probed = _Turn(request.folder.parent / TURN, side.trains_many), dict[str, Path]()
    if not turn.has_come():
        probed = _probed(side, rungs, exercise, folder)
    with turn.awaited(lambda: side.report("waiting for room to train")):
        if probed:
            side.put_through(exercise)
        trace = evidence.save(side.trace(), folder / "trace")
    probed = probed or _probed(side, rungs, exercise, folder)
    return {precision: trace}, {name: {precision: found} for name, found in probed.items()}


TURN = "training.lock"
"""Between the folders of all sides."""


class _Turn:
    """To train large models one after the other; small ones need not wait."""

    def __init__(self, file: Path, is_needed: bool):
        self._lock = FileLock(file) if is_needed else None

    def has_come(self) -> bool:
        """Take the turn, unless another side has it; tell whether it is taken."""
        try:
            if self._lock:
                self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    @contextmanager
    def awaited(self, tell: Callable[[], None]) -> Iterator[None]:
        """Have the turn inside the block; `tell` whoever waits for the side that it waits."""
        if self._lock and not self._lock.is_locked:
            give_back_free_memory()
            tell()
            self._lock.acquire()
        try:
            yield
        finally:
            if self._lock:
                give_back_free_memory()
                self._lock.release()


def _probed(side: ObservedSide, rungs: Sequence[ProbeRung], exercise: Exercise, folder: Path) -> dict[str, Path]:
    """Let every rung look at the side on drawn weights; return the folders with what they found."""
    side.put_through(exercise.drawn)
    return {rung.name: _probe(side, rung, folder / rung.name) for rung in rungs}


def _climbed(request: VerifyRequest, has_own_loop: bool) -> list[ProbeRung]:
    """Return the rungs with probes of their own that the request wants to climb, and that there is something for."""
    last, without = RUNGS.index(request.until), OF_TRAINING if has_own_loop else ()
    return [rung for rung in PROBE_RUNGS if RUNGS.index(rung.name) <= last and rung.name not in without]


def _probe(side: ObservedSide, rung: ProbeRung, folder: Path) -> Path:
    """Let a rung look at the side, on drawn weights; return the folder with what it found."""
    side.report(rung.name)
    side.reset()
    found = evidence.save(rung.observe(side), folder)
    if side.needs_room:
        give_back_free_memory()
    return found


def _report_phase(report: Report, precision: Precision, phase: str) -> None:
    report(f"{phase} {precision}", {})


@task
def answer(request: AnswerRequest, report: Report) -> Path:
    """Run a side on what was found on both; return the folder with what it did."""
    rung, precision = _named(request.rung), request.precision
    found = {side: evidence.load(rung.evidence, folder) for side, folder in request.found.items()}
    track, exercise = open_track(request.side.track, "auto"), find_exercise(request.verify, request.side)
    side = ObservedSide(exercise.drawn, track, precision, partial(_report_phase, report, precision))
    side.describe()
    side.let_go()
    side.report(rung.name)
    return evidence.save(rung.answer(side, found), request.folder / precision / f"{rung.name} answered")


@task
def measure_rounding(request: RungRequest, report: Report) -> Path:
    """Let a rung look at a side in float32 too, or with random rounding; return the folder with what it found."""
    precision: Precision = "float64" if request.rounds else "float32"
    track, exercise = open_track(request.side.track, "auto"), find_exercise(request.verify, request.side)
    side = ObservedSide(exercise.drawn, track, precision, partial(_report_phase, report, precision), request.alignment)
    side.describe()
    side.let_go()
    side.report(request.rung)
    rung = _named(request.rung)
    found = (rung.enlarge if request.rounds else rung.measure)(side, request.doubts)
    return evidence.save(found, request.folder / precision / request.rung)


def _named(name: str) -> ProbeRung:
    return next(rung for rung in PROBE_RUNGS if rung.name == name)


@task
def record_operations(request: SideRequest) -> Path:
    """Run a side once, in float64; return the folder of an OperationsTrace."""
    track = open_track(request.side.track, "auto")
    with track.places_noted():
        side = ObservedSide(find_exercise(request.verify, request.side), track, "float64", lambda _: None)
    return evidence.save(side.probe.operations(side.exercise.inputs()), request.folder / "operations")


@task
def isolate(request: LayerRequest) -> Path:
    """Run one layer alone on the inputs that the other side's got; return the folder of a Replay."""
    exercise = find_exercise(request.verify, request.side)
    side = ObservedSide(exercise, open_track(request.side.track, "auto"), "float64", lambda _: None)
    layer = evidence.load(Trace, request.reference).layers[request.number]
    inputs = [np.array(array) for array in layer.inputs]
    try:
        replay = side.probe.replay_layer(request.path, side.exercise.inputs(), inputs)
    except Exception as error:  # whatever the user's layer raises: the verdict stands without it
        replay = Replay(error=one_line(error))
    return evidence.save(replay, request.folder / "alone")
