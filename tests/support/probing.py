"""One rung's probes on one side of a pair, without the other rungs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from twotrack.shared.spec.sides import mixed
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
    doubts: frozenset[str] = frozenset()
    """In float32: as RungResult.doubts."""


@task
def probe(asked: Probed) -> Path:
    """Return the folder with what the rung's probes found."""
    exercise = find_exercise(asked.verify, mixed(asked.track))
    side = ObservedSide(exercise, open_track(asked.track, "auto"), asked.precision, lambda _: None)
    side.describe()
    rung = rung_named(asked.rung)
    seen = rung.observe(side) if asked.precision == "float64" else rung.measure(side, asked.doubts)
    return evidence.save(seen, asked.folder)


def rung_named(name: str) -> ProbeRung:
    """Return the rung with probes of that name."""
    return next(rung for rung in PROBE_RUNGS if rung.name == name)


def comparing(name: str, workers: WorkerPool, make_folder: Callable[[str], Path], **asked: Any) -> Compare:
    """Return what compares pairs by one rung alone; each side is probed once, in float32 only where that is asked.

    `asked` is of the request.
    """
    rung = rung_named(name)

    @cache
    def probed(pair: str, track: str, precision: Precision, doubts: frozenset[str]) -> object:
        request, folder = VerifyRequest(name=pair, **asked).located(), make_folder(name) / precision
        workers.call(track, probe, Probed(name, request, track, folder, precision, doubts))
        return evidence.load(rung.evidence, folder)

    def seen(pair: str, track: str, doubts: frozenset[str] | None) -> dict[Precision, Any]:
        double: dict[Precision, Any] = {"float64": probed(pair, track, "float64", frozenset())}
        return double if doubts is None else double | {"float32": probed(pair, track, "float32", doubts)}

    def compare(pair: str, track: str, doubts: frozenset[str] | None = None) -> RungResult:
        found = rung.compare(*(seen(pair, side, doubts) for side in ("torch", track)))
        return compare(pair, track, found.doubts) if found.in_doubt and doubts is None else found

    return compare
