"""Measures architectures: which weight is which, how far both sides climb, and why not farther."""

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from twotrack.shared.atlas import architectures
from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.record import (
    Apart,
    Cause,
    Climb,
    Entry,
    Found,
    Line,
    Measured,
    Rung,
    Setting,
    Unseen,
)
from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.matching.result import Match
from twotrack.shared.spec.sides import TORCH, arrange
from twotrack.shared.verify import mapping
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.matching import find_match
from twotrack.shared.verify.request import FOR_THE_VERDICT, RUNGS, VerifyRequest
from twotrack.shared.verify.showing import Showing
from twotrack.shared.workers.environment import available_cores, processor
from twotrack.shared.workers.pool import WorkerPool

PACKAGES = ("keras", "keras-hub", "transformers", "torch", "tensorflow", "jax", "numpy", "twotrack")
OnPhase = Callable[[str, str], None]
"""Called with a track and what it does."""


def setting(tracks: Sequence[str]) -> Setting:
    """Return on what is measured here."""
    packages = {}
    for package in PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return Setting(
        packages=packages,
        tracks=list(tracks),
        processor=processor(),
        cores=available_cores(),
        python=platform.python_version(),
    )


def measure(name: str, tracks: Sequence[str], pool: WorkerPool, on_phase: OnPhase, until: str = RUNGS[-1]) -> Entry:
    """Match and climb one architecture as published and aligned; what fails is told in the entry."""
    architecture, before = architectures.get(name), _cpu_seconds()
    published = _measured(name, "published", tracks, pool, on_phase, until)
    has_lines = bool(architecture.alignments)
    return Entry(
        name=name,
        title=architecture.title,
        keras=architecture.keras.shown,
        torch=f"transformers.{architecture.torch.name}Model",
        sizes=architecture.sizes,
        note=architecture.note,
        published=published,
        aligned=_measured(name, "aligned", tracks, pool, on_phase, until) if has_lines else published,
        alignments=_lines(architecture),
        cpu_seconds=round(_cpu_seconds() - before, 1),
    )


def _lines(architecture: Architecture) -> list[Line]:
    sides: dict[str, KerasModel | TorchModel] = {"keras": architecture.keras, "torch": architecture.torch}
    return [
        Line(what=one.what, side=one.side, line=one.line(sides[one.side]), other=one.other)
        for one in architecture.alignments
    ]


def _measured(
    name: str, which: str, tracks: Sequence[str], pool: WorkerPool, on_phase: OnPhase, until: str
) -> Measured:
    """Measure one pair of an architecture; a side that cannot be built or run is told, and stops nothing else."""
    found: Found | None = None

    def show(track: str, phase: str) -> None:
        on_phase(track, f"{name} {which}: {phase}")

    try:
        request = VerifyRequest(
            name=architectures.reference(name, which), use_map=False, until=until, precisions=FOR_THE_VERDICT
        ).located()
        with atomic.scratch() as folder:
            match, request = _matched(request, tracks, Showing(pool, show), folder)
        found = _found(match)
        with Ladder(tracks, pool) as ladder:
            climbs = {result.track: _climb(result) for result in ladder.climb(request, show)}
    except (UserError, WorkerDiedError) as error:
        return Measured(found=found, error=str(error))
    return Measured(found=found, climbs=climbs)


def _matched(
    request: VerifyRequest, tracks: Sequence[str], showing: Showing, folder: Path
) -> tuple[Match, VerifyRequest]:
    """Search without names, and with them where values do not tell all; return the request with the map."""
    pair, keras = request.pair, next(track for track in tracks if track != TORCH)
    assert pair is not None
    blind = match = find_match(pair, showing.pool, folder / "blind", keras, by_name=False)
    if not blind.is_whole or blind.equivalent:
        match = find_match(pair, showing.pool, folder / "named", keras)
    sides = arrange(pair.load().builds, [TORCH, keras], TORCH)
    own = mapping.own_weights_of(request, sides, showing, folder)
    best = match if len(match.weights) > len(blind.weights) else blind
    return best, mapping.with_match(request, match, *own)


def _found(match: Match) -> Found:
    hows = [weight.how for weight in match.weights.values()]
    return Found(
        weights=len(match.weights) - hows.count("constant"),
        by_name=hows.count("names"),
        nearest=hows.count("nearest"),
        constants=hows.count("constant"),
        keras_unused=list(match.live_unused),
        torch_unused=list(match.recorded_unused),
        keras_left=list(match.live_left),
        torch_left=list(match.recorded_left),
        is_proved=match.is_proved,
        stuck=match.stuck,
        differences=[
            Apart(torch=one.recorded, keras=one.live, inside=one.inside, size=one.size) for one in match.differences
        ],
        cpu_seconds=round(match.seconds, 2),
        runs=match.runs,
    )


def _climb(result: TrackResult) -> Climb:
    certificate, diagnosis = result.certificate, result.diagnosis
    return Climb(
        verdict=result.verdict,
        rungs=[_pick(Rung, rung) for rung in result.rungs],
        causes=[_pick(Cause, cause) for cause in diagnosis.causes],
        left=diagnosis.last.detail if diagnosis.last else "",
        parting=result.parting,
        exceptions=[_pick(Unseen, gap) for gap in certificate.gaps],
        notes=[*result.notes, *certificate.notes],
    )


def _pick(record: Any, source: object) -> Any:
    return record(**{name: getattr(source, name) for name in record.model_fields})


def _cpu_seconds() -> float:
    """Return what this process and its children have taken of the processor."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    ended = own.cpu_times()
    return sum(one.user + one.system for one in times) + ended.children_user + ended.children_system
