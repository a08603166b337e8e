"""What each framework's own defaults cost: runs that differ from aligned ones in one entry of the ledger, or in all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from twotrack.shared.errors import WorkerDiedError
from twotrack.shared.runs.comparison import OnJob, TrackFailure, TrainingRequest, plan, run_jobs
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec.profiles import ALIGNED, NATIVE, SWITCHES
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.processes import OnProgress, ignore

Variants = dict[str, list[Run]]
"""Runs by what is switched: aligned, an entry of the ledger, or native; one per seed."""


@dataclass(frozen=True)
class Ablation:
    """Finished runs of every track, and the tracks that failed."""

    tracks: dict[str, Variants] = field(default_factory=dict)
    failures: list[TrackFailure] = field(default_factory=list)


def aligned_jobs(
    request: TrainingRequest, folder: Path, on_data: OnProgress = ignore, pool: WorkerPool | None = None
) -> list[Job]:
    """Check the whole request and return its aligned jobs; UserError for what cannot be done."""
    aligned = replace(request, profile=ALIGNED)
    return plan(aligned, lambda track, seed: _folder(folder, track, ALIGNED, seed), on_data, pool)


def ablate(jobs: Sequence[Job], on_progress: OnJob, pool: WorkerPool | None = None) -> Ablation:
    """Train every track aligned, with all of its defaults, and with each of them that changes something there.

    One worker per track does all of its runs, which lie beside those of the aligned jobs.
    """
    ablation = Ablation()
    for track, of_track in groupby(jobs, lambda job: job.track):
        track_jobs = list(of_track)
        with lent_or_new(pool, track_jobs[0].device) as workers:
            try:
                ablation.tracks[track] = dict(_variants(track_jobs, partial(_train, on_progress, workers)))
            except WorkerDiedError as error:
                ablation.failures.append(TrackFailure(track, str(error)))
    return ablation


def _variants(aligned: Sequence[Job], train: Callable[[list[Job]], list[Run]]) -> Iterator[tuple[str, list[Run]]]:
    """Do the runs of one track: aligned, then all defaults, which tell what there is to switch, then one by one."""

    def runs(name: str, switched: Sequence[str]) -> list[Run]:
        return train([_switched(job, name, switched) for job in aligned])

    yield ALIGNED, runs(ALIGNED, ())
    native = runs(NATIVE, SWITCHES)
    for name in native[0].record.switched:
        yield name, runs(name, (name,))
    yield NATIVE, native


def _switched(aligned: Job, name: str, switched: Sequence[str]) -> Job:
    folder = _folder(aligned.folder.parent, aligned.track, name, aligned.seed)
    return aligned.model_copy(update={"switched": list(switched), "folder": folder})


def _train(on_progress: OnJob, workers: WorkerPool, jobs: list[Job]) -> list[Run]:
    """Do the jobs of one track; WorkerDiedError if its worker does."""
    outcome = run_jobs(jobs, on_progress, pool=workers)
    for failure in outcome.failures:
        raise WorkerDiedError(failure.message)
    return [read(folder) for folder in outcome.folders]


def _folder(parent: Path, track: str, variant: str, seed: int) -> Path:
    return (parent / f"{TRACKS[track].slug}_{variant}_seed{seed}").absolute()
