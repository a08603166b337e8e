"""What a worker does with a job: train, test once, and leave a run folder."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache

from twotrack.shared import __version__, metrics
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.harness.fitting import Fit, Stopwatch, in_batches
from twotrack.shared.harness.records import SCHEMA_VERSION, DataRecord, Job, MemoryRecord, RunRecord, TimingRecord
from twotrack.shared.harness.run_folder import RunWriter
from twotrack.shared.training import Recipe
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
        variant = job.variant
        chapter, config = variant.chapter, variant.config
        dataset = variant.data(job.source)
        watch = Stopwatch(self._track)
        with RunWriter(job.folder) as writer:
            report("building", {})
            model = watch.time("build", lambda: self._track.build(chapter, config, job.seed, job.switched))
            fit = Fit(model, dataset, variant, job, watch, report)
            fit.run()
            report("testing", {})
            size = chapter.predict_batch
            logits = watch.time("test", lambda: in_batches(model.predict, dataset, dataset.test.inputs, size))
            predictions = {"logits": logits, "labels": dataset.test.labels}
            files = writer.write(fit.progress.history, predictions, model.weights())
            writer.finish(
                RunRecord(
                    schema_version=SCHEMA_VERSION,
                    twotrack=__version__,
                    finished=datetime.now(UTC).isoformat(timespec="seconds"),
                    job=job,
                    device=self._track.device,
                    config=asdict(config),
                    recipe=describe(fit.recipe),
                    data=_data_record(dataset, fit),
                    switched=[name for name in job.switched if name in model.switches.acted],
                    parameters=fit.parameters,
                    initial_weights=fit.initial_weights,
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

    def _memory(self) -> MemoryRecord:
        return MemoryRecord(
            after_import=self._after_import,
            peak=peak_resident_bytes(),
            peak_device=self._track.peak_device_memory(),
        )


def describe(recipe: Recipe) -> dict[str, object]:
    """Return the recipe as plain data, with the names of optimizer and schedule."""
    plain = asdict(recipe)
    plain["optimizer"] = {"name": type(recipe.optimizer).__name__} | plain["optimizer"]
    plain["schedule"] = {"name": type(recipe.schedule).__name__} | plain["schedule"]
    plain["head_first"] = describe(recipe.head_first) if recipe.head_first else None
    return plain


def _data_record(dataset: Dataset, fit: Fit) -> DataRecord:
    return DataRecord(
        name=dataset.name,
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        train=fit.examples,
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
