"""What each framework's own defaults cost: runs that differ from aligned ones in one entry of the ledger, or in all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from twotrack.shared.errors import WorkerDiedError
from twotrack.shared.harness.comparison import Failure, OnConversion, OnProgress, Request, plan
from twotrack.shared.harness.processes import Worker
from twotrack.shared.harness.records import Job
from twotrack.shared.harness.run_folder import Run, read, remove_partial
from twotrack.shared.profiles import ALIGNED, NATIVE, SWITCHES
from twotrack.shared.track import TRACKS

Variants = dict[str, list[Run]]
"""Runs by what is switched: aligned, an entry of the ledger, or native; one per seed."""


@dataclass(frozen=True)
class Ablation:
    """Finished runs of every track, and the tracks that failed."""

    tracks: dict[str, Variants] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def aligned_jobs(request: Request, folder: Path, on_data: OnConversion = lambda _: None) -> list[Job]:
    """Check the whole request and return its aligned jobs; UserError for what cannot be done."""
    return plan(replace(request, profile=ALIGNED), lambda track, seed: _folder(folder, track, ALIGNED, seed), on_data)


def ablate(jobs: Sequence[Job], on_progress: OnProgress) -> Ablation:
    """Train every track aligned, with all of its defaults, and with each of them that changes something there.

    One worker per track does all of its runs, which lie beside those of the aligned jobs.
    """
    found = Ablation()
    for track, of_track in groupby(jobs, lambda job: job.track):
        mine = list(of_track)
        try:
            with Worker(track, mine[0].device) as worker:
                found.tracks[track] = dict(_variants(mine, lambda job: _train(worker, job, on_progress)))
        except WorkerDiedError as error:
            found.failures.append(Failure(track, str(error)))
            on_progress(mine[0], {"phase": "failed"})
    return found


def _variants(aligned: Sequence[Job], train: Callable[[Job], Run]) -> Iterator[tuple[str, list[Run]]]:
    """Do the runs of one track: aligned, then all defaults, which tell what there is to switch, then one by one."""

    def runs(name: str, switched: Sequence[str]) -> list[Run]:
        return [train(_switched(job, name, switched)) for job in aligned]

    yield ALIGNED, runs(ALIGNED, ())
    native = runs(NATIVE, SWITCHES)
    for name in native[0].record.switched:
        yield name, runs(name, (name,))
    yield NATIVE, native


def _switched(aligned: Job, name: str, switched: Sequence[str]) -> Job:
    folder = _folder(aligned.folder.parent, aligned.track, name, aligned.seed)
    return aligned.model_copy(update={"switched": list(switched), "folder": folder})


def _train(worker: Worker, job: Job, on_progress: OnProgress) -> Run:
    on_progress(job, {"phase": "started", "pid": worker.pid})
    try:
        arguments = job.model_dump(mode="json")
        worker.call("twotrack.shared.harness.training:train", arguments, lambda figures: on_progress(job, figures))
    finally:
        remove_partial(job.folder)
    on_progress(job, {"phase": "finished"})
    return read(job.folder)


def _folder(parent: Path, track: str, variant: str, seed: int) -> Path:
    return (parent / f"{TRACKS[track].slug}_{variant}_seed{seed}").absolute()
