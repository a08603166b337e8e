"""What a worker does with a job: train, test once, and leave a run folder."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache, partial

import numpy as np
import xxhash

from twotrack.shared import __version__
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs import checkpoints, going_on
from twotrack.shared.runs.fitting import Stopwatch, fresh_model, in_batches
from twotrack.shared.runs.records import (
    SCHEMA_VERSION,
    DataRecord,
    DrawRecord,
    Job,
    MemoryRecord,
    RunRecord,
    TimingRecord,
)
from twotrack.shared.runs.run_folder import RunWriter
from twotrack.shared.runs.stages import Begun, Fit
from twotrack.shared.spec import plain, profiles
from twotrack.shared.spec.draws import SharedDraws
from twotrack.shared.spec.inputs import describe as describe_inputs
from twotrack.shared.spec.inputs import example
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.replicas import Replicas, Seat
from twotrack.shared.spec.track import BUILT_IN, TrackModel
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.environment import environment, peak_resident_bytes, resident_bytes
from twotrack.shared.workers.processes import Worker
from twotrack.shared.workers.task import Report, task


class Trainer:
    """Trains the jobs of one track, one after the other, in this process."""

    def __init__(self, track: str, device: str):
        start = time.perf_counter()
        self.track = open_track(track, device)
        self.import_seconds = time.perf_counter() - start
        self._after_import = resident_bytes()

    def train(self, job: Job, report: Report) -> None:
        """Train, test once and leave the run folder `job.folder`.

        Raises TrainingError if the loss stops being finite, UserError if the folder cannot be written.
        """
        variant = replace(job.variant, recipe=replace(job.variant.recipe, epochs=job.epochs))
        whole = variant.data(job.source)
        dataset = replace(whole, train=whole.train.first(job.examples)) if job.examples else whole
        watch = Stopwatch(self.track)
        begun = going_on.begun(job.continues) if job.continues and job.continues.state else None
        _require_data(whole, len(dataset.train), begun)
        with self._on_replicas(job), RunWriter(job.folder) as writer:
            report("building", {})
            source = SharedDraws(job.seed) if job.same_masks else None
            model = watch.time("build", lambda: self._build(job, variant, begun, source))
            start = model.weights()
            is_drawing = job.same_masks or (job.trains_in == "float64" and not job.exact)
            draws = _draws(model, variant) if is_drawing else []
            if source and begun:
                source.restart(len(begun.history["loss"]))
            run = _Run(self, job, variant, model, dataset, whole, _hashes(start), _size(model, start), draws, begun)
            is_aligned = set(job.switched) <= set(profiles.INITIALISATION)
            fit = Fit(
                model,
                dataset,
                variant,
                job.seed,
                watch,
                report,
                begun=begun,
                stop_after=job.stop_after,
                keeps_state=is_aligned,
                at_checkpoint=lambda fit: self._leave_checkpoint(run, fit, watch),
            )
            fit.run()
            report("testing", {})
            run.leave(writer, fit, watch)

    def _leave_checkpoint(self, run: "_Run", fit: Fit, watch: Stopwatch) -> None:
        """Leave what the run would be if it were stopped here; the seconds are none of its own."""
        job, wanted = run.job, run.variant.recipe.checkpoint
        folder = checkpoints.place(job.folder, len(fit.progress.epochs))
        stopped = job.model_copy(update={"folder": folder, "stop_after": len(fit.progress.history["loss"])})
        with RunWriter(folder) as writer:
            replace(run, job=stopped).leave(writer, fit, Stopwatch(self.track, dict(watch.seconds)))
        if wanted and wanted.keep != "all":
            checkpoints.keep_only(folder)

    def _on_replicas(self, job: Job) -> AbstractContextManager[None]:
        """Return what a run is done in; PyTorch's other replicas are started with it."""
        if job.replicas == 1:
            return nullcontext()
        return self.track.replicated(Replicas(job.replicas, partial(_follow, job)))

    def follow(self, job: Job, seat: Seat) -> None:
        """Be one of a run's replicas, from its start to its end."""
        self.track.sit(seat)
        source = SharedDraws(job.seed) if job.same_masks else None
        variant = replace(job.variant, recipe=replace(job.variant.recipe, epochs=job.epochs))
        model = self._build(job.model_copy(update={"continues": None}), variant, None, source)
        self.track.follow(model, seat)

    def _build(self, job: Job, variant: ChapterVariant, begun: Begun | None, source: SharedDraws | None) -> TrackModel:
        precision = BUILT_IN[job.trains_in]
        self.track.require(precision)
        weights = begun.state.weights if begun else None
        model = fresh_model(self.track, variant, job.seed, precision, job.switched, job.continues, weights)
        if source:
            model.draw_from(source)
        elif job.exact:
            model.probe().remove_dropout()
        return model

    def memory(self) -> MemoryRecord:
        """Return what the process has taken so far."""
        return MemoryRecord(
            after_import=self._after_import,
            peak=peak_resident_bytes(),
            peak_device=self.track.peak_device_memory(),
        )


@dataclass(frozen=True)
class _Run:
    """All that a run folder says beside what training comes to."""

    trainer: Trainer
    job: Job
    variant: ChapterVariant
    model: TrackModel
    dataset: Dataset
    whole: Dataset
    start: dict[str, str]
    """Hashes of the weights before training."""
    parameters: int
    """Trainable ones, before a stage freezes any."""
    draws: list[DrawRecord]
    begun: Begun | None

    def leave(self, writer: RunWriter, fit: Fit, watch: Stopwatch) -> None:
        """Test once, and write the run folder as training stands."""
        model, dataset, size = self.model, self.dataset, self.variant.chapter.predict_batch
        with fit.averaged():
            logits = watch.time("test", lambda: in_batches(model.predict, dataset, dataset.test.inputs, size))
            left = model.weights()
        predictions = {"logits": logits, "labels": dataset.test.labels}
        files = writer.write(fit.history, predictions, left, fit.state)
        writer.finish(self._record(fit, watch, logits, files))

    def _record(self, fit: Fit, watch: Stopwatch, logits: np.ndarray, files: dict[str, str]) -> RunRecord:
        job, variant, begun, trainer = self.job, self.variant, self.begun, self.trainer
        return RunRecord(
            schema_version=SCHEMA_VERSION,
            twotrack=__version__,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            job=job,
            device=trainer.track.device,
            config=asdict(variant.config),
            recipe=describe(variant.recipe),
            data=_data_record(self.whole, len(self.dataset.train)),
            switched=[name for name in job.switched if name in self.model.switches.acted],
            draws=self.draws,
            parameters=self.parameters,
            initial_weights=dict(begun.initial_weights) if begun else self.start,
            batches=fit.progress.digest.hexdigest(),
            steps=len(fit.progress.history["loss"]),
            stopped=fit.stopped,
            epochs=list(fit.progress.epochs),
            test=metrics.evaluate(logits, self.dataset.test.labels),
            timing=TimingRecord(framework_import=trainer.import_seconds, **watch.seconds),
            memory=trainer.memory(),
            environment=environment(),
            files=files,
        )


def _size(model: TrackModel, weights: Mapping[str, np.ndarray]) -> int:
    return sum(weights[name].size for name in model.trainable_names())


def _hashes(weights: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: xxhash.xxh3_128_hexdigest(np.ascontiguousarray(array).data) for name, array in weights.items()}


def _require_data(whole: Dataset, examples: int, begun: Begun | None) -> None:
    """Require the data that a training which goes on was begun with."""
    if begun and (whole.fingerprint, examples) != (begun.data.fingerprint, begun.data.train):
        raise UserError(
            f"--from: the run was trained on other data: expected the {begun.data.train:,} examples of "
            f"'{begun.data.source}' with the fingerprint {begun.data.fingerprint}, found {examples:,} of "
            f"'{whole.source}' with {whole.fingerprint}; name the run's own data with --data, --images or --source."
        )


def _draws(model: TrackModel, variant: ChapterVariant) -> list[DrawRecord]:
    """Return what a forward pass of the model in training mode draws."""
    drawn = model.probe().drawn_pass(example(describe_inputs(variant.inputs())))
    return [
        DrawRecord(
            function=draw.function, rate=draw.rate, shape=draw.shape, layer=draw.layer, controlled=draw.controlled
        )
        for draw in drawn.draws
    ]


def describe(recipe: Recipe) -> dict[str, object]:
    """Return the recipe as plain data, with the names of optimizer and schedule."""
    told = {field.name: plain.plain(getattr(recipe, field.name)) for field in fields(recipe)}
    optional = ("early_stopping", "checkpoint", "shift", "settings")
    for name in [name for name in optional if not getattr(recipe, name)]:
        del told[name]
    return told | {"head_first": describe(recipe.head_first) if recipe.head_first else None}


def _data_record(dataset: Dataset, examples: int) -> DataRecord:
    return DataRecord(
        name=dataset.name,
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        train=examples,
        validation=len(dataset.validation),
        test=len(dataset.test),
    )


@lru_cache
def _trainer(track: str, device: str) -> Trainer:
    """Import the framework once per process; a worker serves one track."""
    return Trainer(track, device)


class FollowRequest(FrozenRecord):
    """One of the replicas of a run, for the worker that is it."""

    job: Job
    seat: Seat


def _follow(job: Job, seat: Seat) -> None:
    """Let a worker be a replica, until the run is over."""
    with Worker(job.track, job.device) as worker:
        worker.call(follow, FollowRequest(job=job, seat=seat))


@task
def follow(request: FollowRequest) -> None:
    """Be one of a run's replicas."""
    _trainer(request.job.track, request.job.device).follow(request.job, request.seat)


@task
def train(job: Job, report: Report) -> None:
    """Train and leave the job's run folder."""
    report("starting", {})
    _trainer(job.track, job.device).train(job, report)
