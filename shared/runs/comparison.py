"""From a chapter, tracks and seeds to finished runs: plan the jobs, then do them track by track."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from twotrack.shared import chapters, datasets
from twotrack.shared.chapters.spec import Chapter, ChapterVariant
from twotrack.shared.datasets import Source
from twotrack.shared.datasets.files import CachedFile, DataFile
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.runs import going_on, warm_start
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run, remove_partial
from twotrack.shared.runs.training import train
from twotrack.shared.spec import profiles
from twotrack.shared.spec.replicas import require_replicas
from twotrack.shared.spec.track import TRACKS, RunPrecision, installed_track
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.processes import OnProgress, ignore
from twotrack.shared.workers.task import Request, Task

LARGEST_SEED = 2**32 - 1
"""The largest that every framework takes."""
MOST_SEEDS = 10_000

OnJob = Callable[[Job, Progress], None]
"""Called with a job and how far it is."""


def say_nothing(job: Job, progress: Progress) -> None:
    """Let jobs go on without a word."""


@dataclass(frozen=True)
class TrainingRequest:
    """What the user asked to train."""

    chapter: str
    tracks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    recipe: str = "fast"
    settings: Mapping[str, str] = field(default_factory=dict)
    epochs: float | None = None
    examples: int | None = None
    device: str = "auto"
    source: str | None = None
    """None: the data of the run that is continued, else the embedded data."""
    tfds_folder: str | None = None
    data: Path | None = None
    """A CSV file of the user's own, instead of `source`."""
    images: Path | None = None
    """A folder of the user's own photos, instead of `source`."""
    skip_broken: bool = False
    """Leave out files of that folder that are no photos."""
    start: Path | None = None
    """The folder of a run to start from, with its settings, instead of the chapter's initial weights."""
    profile: str = profiles.ALIGNED
    own_start: bool | None = None
    """Each framework's own initial weights; None: as the profile has it."""
    exact: bool = False
    """In float64 and without dropout."""
    same_masks: bool = False
    """In float64 and with dropout, whose masks are the same in every track."""
    precision: RunPrecision | None = None
    """That it trains in; None for that of the recipe, or float64 if it is exact."""
    goes_on: Path | None = None
    """The folder of a run whose training goes on; of the rest tracks, epochs, device and source of the data count."""
    replicas: int = 1
    """On which each run trains."""
    stop_after: int | None = None
    """Steps, counted from the start of the training, at which it stops."""

    @property
    def is_exact(self) -> bool:
        """Whether it computes in float64."""
        return self.exact or self.same_masks


@dataclass(frozen=True)
class TrackFailure:
    """A track whose worker did not finish."""

    track: str
    message: str


@dataclass(frozen=True)
class TrainingOutcome:
    """Run folders that are finished, and the tracks that failed."""

    folders: list[Path]
    failed: dict[Path, list[TrackFailure]]
    """By the comparison's folder."""

    @property
    def failures(self) -> list[TrackFailure]:
        """All failures."""
        return [failure for failures in self.failed.values() for failure in failures]


def plan(
    request: TrainingRequest,
    name_folder: Callable[[str, int], Path],
    on_data: OnProgress = ignore,
    pool: WorkerPool | None = None,
) -> list[Job]:
    """Check the whole request and return its jobs, track by track; of the data only the cache is written.

    Raises UserError for anything that cannot be done, before any worker starts.
    """
    chapter = chapters.get(request.chapter)
    start_run = _start_run(request)
    if start_run and request.goes_on:
        request = _as_begun(request, start_run.record.job)
    elif start_run and "weights" in request.settings:
        raise UserError("--warm-start and --weights both say which weights to start from; give one of them.")
    settings = (start_run.record.job.settings if start_run else {}) | dict(request.settings)
    variant = chapter.variant(request.recipe, settings)
    _require_possible(request, variant)
    switched = _switched(request)
    source = _source(request, chapter.dataset, start_run, on_data, pool)
    settings = _of_data(chapter, source) | settings
    jobs = [
        Job(
            chapter=chapter.slug,
            track=track,
            seed=seed,
            recipe=request.recipe,
            settings=settings,
            epochs=_whole(variant.recipe.epochs if request.epochs is None else request.epochs),
            examples=request.examples,
            device=request.device,
            source=source,
            folder=name_folder(track, seed).absolute(),
            command=sys.argv,
            continues=start_run and warm_start.describe(start_run),
            stop_after=request.stop_after,
            switched=switched,
            exact=request.is_exact,
            same_masks=request.same_masks,
            precision="float64" if request.is_exact else request.precision or variant.recipe.precision,
            replicas=request.replicas,
        )
        for track in request.tracks
        for seed in request.seeds
    ]
    return [going_on.planned(start_run, job) for job in jobs] if start_run and request.goes_on else jobs


def _require_possible(request: TrainingRequest, variant: ChapterVariant) -> None:
    """Raise UserError for what no track can do, before any data are read."""
    if request.is_exact and request.precision not in (None, "float64"):
        raise UserError(f"--exact and --same-masks compute in float64; leave out --precision {request.precision}.")
    _check_numbers(request, variant.recipe.batch_size)
    require_replicas(request.replicas, min(stage.batch_size for stage in variant.recipe.stages))
    for track in request.tracks:
        installed_track(track)
    variant.require(request.tracks)


def _whole(epochs: float) -> int | float:
    """Return a whole number of epochs as one, as records have it."""
    return int(epochs) if float(epochs).is_integer() else epochs


def _start_run(request: TrainingRequest) -> Run | None:
    """Return the run that is started from, or goes on; UserError if both are named, or it cannot be."""
    if request.start and request.goes_on:
        raise UserError("--from goes on with a run's training, --warm-start begins a new one; give one of them.")
    if request.goes_on:
        return going_on.find(request.goes_on, request.chapter)
    return warm_start.find(request.start, request.chapter) if request.start else None


def _as_begun(request: TrainingRequest, job: Job) -> TrainingRequest:
    """Return the request for the rest of a job's training."""
    return replace(
        request,
        seeds=(job.seed,),
        recipe=job.recipe,
        settings=job.settings,
        epochs=job.epochs if request.epochs is None else request.epochs,
        examples=job.examples,
        exact=job.exact,
        same_masks=job.same_masks,
        precision=job.trains_in,
    )


def _switched(request: TrainingRequest) -> list[str]:
    """Return the ledger's entries that the request switches; a run that continues another one has its start."""
    if request.start and request.own_start:
        raise UserError("--warm-start and --own-start both say which weights to start from; give one of them.")
    names = profiles.switched(request.profile, request.own_start)
    return [name for name in names if not (request.start and name in profiles.INITIALISATION)]


def _source(
    request: TrainingRequest, dataset: str, start_run: Run | None, on_data: OnProgress, pool: WorkerPool | None
) -> Source:
    if start_run and request.source is None and not (request.data or request.images):
        source = datasets.here(dataset, start_run.record.job.source)
        source.file.verify()
        return source
    return find_source(
        dataset,
        request.source or datasets.EMBEDDED,
        request.tfds_folder,
        request.data,
        request.images,
        request.skip_broken,
        on_data,
        pool,
    )


def _of_data(chapter: Chapter, source: Source) -> dict[str, str]:
    """Return the settings that follow from data other than the embedded one."""
    if source.name == datasets.EMBEDDED or not chapter.of_data:
        return {}
    return dict(chapter.of_data(datasets.load(chapter.dataset, source)))


def _check_numbers(request: TrainingRequest, batch_size: int) -> None:
    if not request.seeds:
        raise UserError("--seeds: expected at least 1 seed.")
    if any(seed < 0 for seed in request.seeds):
        raise UserError(f"--seed: expected 0 or a positive whole number, found {min(request.seeds)}.")
    if max(request.seeds) > LARGEST_SEED:
        raise UserError(f"--seed: expected at most {LARGEST_SEED}, found {max(request.seeds)}.")
    expected = "0 or a positive" if request.start else "a positive"
    if request.epochs is not None and not (0 < request.epochs < math.inf or (request.start and request.epochs == 0)):
        raise UserError(f"--epochs: expected {expected} number, found {request.epochs:g}.")
    if request.examples is not None and request.examples < batch_size:
        raise UserError(f"--examples: expected at least one batch of {batch_size}, found {request.examples}.")
    if request.stop_after is not None and request.stop_after < 1:
        raise UserError(f"--stop-after: expected a positive number of steps, found {request.stop_after}.")
    if request.device not in {"auto", "cpu", "cuda"}:
        raise UserError(f"--device: expected auto, cpu or cuda, found '{request.device}'.")


def first_seeds(count: int) -> tuple[int, ...]:
    """Return 0, 1, ..., so many; UserError for more than anybody waits for."""
    if count > MOST_SEEDS:
        raise UserError(f"--seeds: expected at most {MOST_SEEDS:,}, found {count:,}.")
    return tuple(range(count))


def find_source(
    dataset: str,
    source: str,
    tfds_folder: str | None,
    data: Path | None = None,
    images: Path | None = None,
    skip_broken: bool = False,
    on_data: OnProgress = ignore,
    pool: WorkerPool | None = None,
) -> Source:
    """Return the checked source of the data; photos and tensorflow-datasets are converted in a helper process."""
    datasets.require_known(dataset)
    _require_single_source(source, data, images, skip_broken)
    if data:
        return datasets.csv_source(dataset, data)
    if images:
        datasets.require_images(dataset)
        from twotrack.shared.datasets import photos

        folder = images.absolute()
        photos_request = photos.PhotosRequest(str(folder), skip_broken)
        restore = f"decode the photos again with 'twotrack data {dataset} --images {folder}'"
        return _converted(f"images:{folder.name}", photos.convert, photos_request, restore, on_data, pool)
    name = datasets.tfds_name(dataset, source)
    if name is None:
        carried = datasets.carried_source(dataset, source)
        carried.file.check()
        return carried
    from twotrack.shared.datasets.tfds import TfdsRequest

    convert, restore = datasets.DATASETS[dataset].tfds_task(), "delete it and run the command again"
    return _converted(f"tfds:{name}", convert, TfdsRequest(name, tfds_folder), restore, on_data, pool)


def _require_single_source(source: str, data: Path | None, images: Path | None, skip_broken: bool) -> None:
    options = {f"--source {source}": source != datasets.EMBEDDED, "--data": data, "--images": images}
    given = [option for option, value in options.items() if value]
    if len(given) > 1:
        raise UserError(f"{given[1]} and {given[0]} both name the data; give one of them.")
    if skip_broken and not images:
        raise UserError("--skip-broken leaves out files of a folder of photos; name one with --images.")


def _converted(
    name: str,
    convert: Task[Request, CachedFile],
    request: Request,
    restore: str,
    on_data: OnProgress,
    pool: WorkerPool | None,
) -> Source:
    with lent_or_new(pool, "cpu") as workers:
        file = workers.call(None, convert, request, on_data)
    return Source(name, DataFile(file.path, file.sha256, restore))


def run_jobs(
    jobs: Sequence[Job],
    on_progress: OnJob = say_nothing,
    inherited: Sequence[int] = (),
    pool: WorkerPool | None = None,
    threads: int | None = None,
) -> TrainingOutcome:
    """Do the jobs, one worker process per track, one track at a time so that their times can be compared.

    A track whose worker dies is reported and the others go on. UserError ends everything; runs that
    are finished by then stay. The workers keep the descriptors `inherited` open for as long as they live, unless
    they are those of a `pool` that is lent.
    """
    outcome = TrainingOutcome([], {})
    for (folder, track), of_track in groupby(jobs, lambda job: (job.folder.parent, job.track)):
        track_jobs = list(of_track)
        try:
            with lent_or_new(pool, track_jobs[0].device, threads, inherited) as workers:
                for job in track_jobs:
                    on_progress(job, Progress("started"))
                    workers.call(track, train, job, partial(on_progress, job), replicas=job.replicas)
                    outcome.folders.append(job.folder)
                    on_progress(job, Progress("finished"))
        except WorkerDiedError as error:
            outcome.failed.setdefault(folder, []).append(TrackFailure(track, str(error)))
            on_progress(job, Progress("failed"))
        finally:
            for job in track_jobs:
                remove_partial(job.folder)
    return outcome


def timestamp() -> str:
    """Return the local time for a folder name."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def run_folder(comparison: Path, track: str, seed: int) -> Path:
    """Return the folder of a run of a comparison."""
    return comparison / run_name(track, seed)


def run_name(track: str, seed: int) -> str:
    """Return the name of a run folder inside a comparison."""
    return f"{TRACKS[track].slug}_seed{seed}"
