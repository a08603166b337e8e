"""One rung's probes on one side of a pair, without the other rungs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import evidence
from twotrack.shared.verify.observe import find_exercise
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs import PROBE_RUNGS, ProbeRung
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

Compare = Callable[[str, str], RungResult]
"""Compares the two sides of a pair "module:NAME" on torch and a Keras track."""


@dataclass(frozen=True)
class Probed:
    """A rung, a located pair, the track of its side, and a new folder for what is found."""

    rung: str
    verify: VerifyRequest
    track: str
    folder: Path
    precision: Precision


@task
def probe(asked: Probed) -> Path:
    """Return the folder with what the rung's probes found."""
    exercise = find_exercise(asked.verify)
    side = ObservedSide(exercise, open_track(asked.track, "auto"), asked.precision, lambda _: None)
    side.describe()
    return evidence.save(rung_named(asked.rung).observe(side), asked.folder)


def rung_named(name: str) -> ProbeRung:
    """Return the rung with probes of that name."""
    return next(rung for rung in PROBE_RUNGS if rung.name == name)


def comparing(name: str, workers: WorkerPool, make_folder: Callable[[str], Path]) -> Compare:
    """Return what compares pairs by one rung alone; each side is probed once."""
    rung = rung_named(name)

    @cache
    def side(pair: str, track: str) -> dict[Precision, object]:
        request, found = VerifyRequest(name=pair).located(), {}
        for precision in rung.precisions:
            folder = make_folder(name) / precision
            workers.call(track, probe, Probed(name, request, track, folder, precision))
            found[precision] = evidence.load(rung.evidence, folder)
        return found

    return lambda pair, track: rung.compare(side(pair, "torch"), side(pair, track))
