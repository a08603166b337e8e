"""What a worker does with a job: train, test once, and leave a run folder."""

import time
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from functools import lru_cache

import xxhash

from twotrack.shared import __version__
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.fitting import Fit, Stopwatch, fresh_model, in_batches
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
from twotrack.shared.spec import plain
from twotrack.shared.spec.draws import SharedDraws
from twotrack.shared.spec.inputs import describe as describe_inputs
from twotrack.shared.spec.inputs import example
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.environment import environment, peak_resident_bytes, resident_bytes
from twotrack.shared.workers.task import Report, task


class Trainer:
    """Trains the jobs of one track, one after the other, in this process."""

    def __init__(self, track: str, device: str):
        start = time.perf_counter()
        self._track = open_track(track, device)
        self._import_seconds = time.perf_counter() - start
        self._after_import = resident_bytes()

    def train(self, job: Job, report: Report) -> None:
        """Train, test once and leave the run folder `job.folder`.

        Raises TrainingError if the loss stops being finite, UserError if the folder cannot be written.
        """
        variant = replace(job.variant, recipe=replace(job.variant.recipe, epochs=job.epochs))
        chapter, whole = variant.chapter, variant.data(job.source)
        dataset = replace(whole, train=whole.train.first(job.examples)) if job.examples else whole
        watch = Stopwatch(self._track)
        with RunWriter(job.folder) as writer:
            report("building", {})
            model = watch.time("build", lambda: self._build(job, variant))
            start = model.weights()
            draws = _draws(model, variant) if job.same_masks else []
            parameters = sum(start[name].size for name in model.trainable_names())
            fit = Fit(model, dataset, variant, job.seed, watch, report)
            fit.run()
            report("testing", {})
            size = chapter.predict_batch
            with fit.averaged():
                logits = watch.time("test", lambda: in_batches(model.predict, dataset, dataset.test.inputs, size))
                left = model.weights()
            predictions = {"logits": logits, "labels": dataset.test.labels}
            files = writer.write(fit.progress.history, predictions, left)
            writer.finish(
                RunRecord(
                    schema_version=SCHEMA_VERSION,
                    twotrack=__version__,
                    finished=datetime.now(UTC).isoformat(timespec="seconds"),
                    job=job,
                    device=self._track.device,
                    config=asdict(variant.config),
                    recipe=describe(variant.recipe),
                    data=_data_record(whole, len(dataset.train)),
                    switched=[name for name in job.switched if name in model.switches.acted],
                    draws=draws,
                    parameters=parameters,
                    initial_weights={name: xxhash.xxh3_128_hexdigest(array) for name, array in start.items()},
                    batches=fit.progress.digest.hexdigest(),
                    steps=fit.progress.steps,
                    epochs=fit.progress.epochs,
                    test=metrics.evaluate(logits, dataset.test.labels),
                    timing=TimingRecord(framework_import=self._import_seconds, **watch.seconds),
                    memory=self._memory(),
                    environment=environment(),
                    files=files,
                )
            )

    def _build(self, job: Job, variant: ChapterVariant) -> TrackModel:
        precision: Precision = "float64" if job.exact else "float32"
        model = fresh_model(self._track, variant, job.seed, precision, job.switched, job.continues)
        if job.same_masks:
            model.draw_from(SharedDraws(job.seed))
        elif job.exact:
            model.probe().remove_dropout()
        return model

    def _memory(self) -> MemoryRecord:
        return MemoryRecord(
            after_import=self._after_import,
            peak=peak_resident_bytes(),
            peak_device=self._track.peak_device_memory(),
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
    if recipe.early_stopping is None:
        del told["early_stopping"]
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


@task
def train(job: Job, report: Report) -> None:
    """Train and leave the job's run folder."""
    report("starting", {})
    _trainer(job.track, job.device).train(job, report)
