"""What each framework's own defaults cost: runs that differ from aligned ones in one entry of the ledger, or in all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from twotrack.shared.runs.comparison import TrackFailure, TrainingOutcome, TrainingRequest, plan
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec.profiles import ALIGNED, NATIVE, SWITCHES
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.processes import OnProgress, ignore

Train = Callable[..., TrainingOutcome]
"""Trains jobs, in the workers of `pool` if it uses any."""
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


def ablate(
    jobs: Sequence[Job],
    train: Train,
    side_by_side: bool = False,
    pool: WorkerPool | None = None,
    threads: int | None = None,
) -> Ablation:
    """Train every track aligned, with all of its defaults, and with each of them that changes something there.

    The runs lie beside those of the aligned jobs. One track after the other, whose worker does all of its runs, or
    `side_by_side`.
    """
    ablation = Ablation()
    tracks = [list(of_track) for _, of_track in groupby(jobs, lambda job: job.track)]
    for part in [tracks] if side_by_side else [[track] for track in tracks]:
        with lent_or_new(pool, jobs[0].device, threads) as workers:
            _ablate(part, partial(train, pool=workers), ablation)
    return ablation


def _ablate(tracks: Sequence[list[Job]], train: Callable[[list[Job]], TrainingOutcome], ablation: Ablation) -> None:
    """Do the runs of some tracks: aligned and with all defaults, which tells what there is to switch; then the rest."""
    ends = [[*_variant(track, ALIGNED, ()), *_variant(track, NATIVE, SWITCHES)] for track in tracks]
    failures = train([job for track in ends for job in track]).failures
    left = [track for track in tracks if track[0].track not in {failure.track for failure in failures}]
    names = {track[0].track: _runs(track, NATIVE)[0].record.switched for track in left}
    failures += train(
        [job for track in left for name in names[track[0].track] for job in _variant(track, name, (name,))]
    ).failures
    ablation.failures.extend(failures)
    for track in left:
        if (name := track[0].track) not in {failure.track for failure in failures}:
            ablation.tracks[name] = {variant: _runs(track, variant) for variant in (ALIGNED, *names[name], NATIVE)}


def _variant(aligned: Sequence[Job], name: str, switched: Sequence[str]) -> list[Job]:
    """Return the jobs of a track, switched."""
    return [
        job.model_copy(
            update={"switched": list(switched), "folder": _folder(job.folder.parent, job.track, name, job.seed)}
        )
        for job in aligned
    ]


def _runs(aligned: Sequence[Job], name: str) -> list[Run]:
    return [read(_folder(job.folder.parent, job.track, name, job.seed)) for job in aligned]


def _folder(parent: Path, track: str, variant: str, seed: int) -> Path:
    return (parent / f"{TRACKS[track].slug}_{variant}_seed{seed}").absolute()
