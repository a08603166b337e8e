"""What crosses a process or file boundary: the job that a worker gets and the record that a run leaves."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from twotrack.shared import chapters
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets import Source
from twotrack.shared.spec.recipes import Trained
from twotrack.shared.spec.track import RunPrecision

SCHEMA_VERSION = 8
READABLE_VERSIONS = (2, 3, 4, 5, 6, 7, 8)
"""Version 7 has one replica only, and lacks `Job.replicas`.
Version 6 has whole epochs only and lacks `Job.precision`. Version 5 lacks `stopped`, `Job.stop_after` and the
digest of the record itself, version 4 `Job.same_masks` and `draws` too, version 3 `Job.exact` too, version 2
`Job.continues` too; they are the same otherwise."""
SEALED_FROM = 6
"""The first version whose records are hashed."""


class Continued(FrozenRecord):
    """The run whose trained weights another one starts from, or with whose training it goes on."""

    folder: Path
    track: str
    weights: str
    """SHA-256 of its weights file."""
    state: str | None = None
    """SHA-256 of its state.safetensors, if its training goes on; None for a new training from its weights."""
    steps: int = 0
    """Of the training that goes on, done so far."""


class Job(FrozenRecord):
    """One training of one chapter on one track with one seed."""

    chapter: str
    track: str
    seed: int
    recipe: str
    settings: dict[str, str]
    """Model hyperparameters that differ from the chapter's own."""
    epochs: int | float
    """A last one that is not whole ends early."""
    examples: int | None
    """Train on the first so many examples only; None for all."""
    device: Literal["auto", "cpu", "cuda"]
    source: Source
    folder: Path
    """Where the run folder will be."""
    command: list[str]
    """The command line that asked for it."""
    continues: Continued | None = None
    """Start from these weights, or go on with that training; None for the chapter's initial weights."""
    stop_after: int | None = None
    """Stop when so many steps are done, counted from the start of the training; None for all."""
    switched: list[str] = Field(default_factory=list)
    """Entries of the ledger that are as each framework has them by default; none of them is aligned then."""
    exact: bool = False
    """In float64, and without dropout unless `same_masks`, so that what is left between tracks is rounding."""
    same_masks: bool = False
    """Of an exact run: dropout is on, and its masks are those of every track."""
    precision: RunPrecision = "float32"
    """That it trains in; float64 for an exact run."""
    replicas: int = 1
    """On which it trains, each with its share of every batch."""

    @property
    def trains_in(self) -> RunPrecision:
        """What it trains in; records before version 7 do not say it of exact runs."""
        return "float64" if self.exact else self.precision

    @property
    def variant(self) -> ChapterVariant:
        """The chapter with the job's settings, read."""
        return chapters.get(self.chapter).variant(self.recipe, self.settings)


class DrawRecord(FrozenRecord):
    """One draw of random numbers in a training step."""

    function: str
    rate: float | None
    """Of a dropout."""
    shape: tuple[int, ...]
    """Of the mask for a batch of two, channels last."""
    layer: str
    controlled: bool
    """Its numbers were those of every track."""


class DataRecord(FrozenRecord):
    """Which data the run saw."""

    name: str
    source: str
    fingerprint: str
    """XXH3-128 of all arrays."""
    train: int
    """Examples trained on."""
    validation: int
    test: int


class EpochRecord(FrozenRecord):
    """One epoch. Seconds cover feeding and training steps; validation is not counted."""

    epoch: int
    """From 1, over all stages of the recipe."""
    trained: Trained
    """Which weights: all, head, or head and last_block."""
    examples: int
    """Trained on; those that do not fill a batch are left out."""
    train_loss: float
    """Mean of the batch losses, dropout active."""
    validation_loss: float
    validation_metric: float
    seconds: float
    feeding_seconds: float
    """Part of `seconds` spent on making batches."""


class TimingRecord(FrozenRecord):
    """Seconds of the parts that are not training."""

    framework_import: float
    """Import and set-up of the framework, once per worker process."""
    build: float
    warm_up: float = 0.0
    """Compilation and first allocation: for each stage one training step, undone before its first epoch starts."""
    replay: float = 0.0
    """Of a training that goes on: reading the batches again that it has seen."""
    features: float = 0.0
    """Outputs of a frozen base, computed once for the stages that train the head alone; else next to nothing."""
    validation: float = 0.0
    test: float


class MemoryRecord(FrozenRecord):
    """Bytes. Peaks are of the worker process since its start; a worker does all jobs of its track."""

    after_import: int
    peak: int
    peak_device: int | None
    """On the accelerator; None on the CPU."""


class RunRecord(FrozenRecord):
    """record.json of a run folder."""

    schema_version: int
    twotrack: str
    finished: str
    """UTC, ISO 8601."""
    job: Job
    device: Literal["cpu", "cuda"]
    config: dict[str, Any]
    """All model hyperparameters."""
    recipe: dict[str, Any]
    """All training hyperparameters."""
    data: DataRecord
    switched: list[str] = Field(default_factory=list)
    """Those of `job.switched` that changed something on this track."""
    draws: list[DrawRecord] = Field(default_factory=list)
    """What a training step in float64 draws, in order; nothing of an exact run without the same masks."""
    parameters: int
    """Trainable weights."""
    initial_weights: dict[str, str]
    """XXH3-128 of each canonical weight before training."""
    batches: str
    """XXH3-128 of the bytes of all training batches."""
    steps: int
    """Done."""
    stopped: bool = False
    """Before the end of the training, which can go on."""
    epochs: list[EpochRecord]
    """Empty for a run that continues another one by no epoch."""
    test: dict[str, float]
    """Metrics on the test split, computed once, after training."""
    timing: TimingRecord
    memory: MemoryRecord
    environment: dict[str, Any]
    files: dict[str, str]
    """SHA-256 of the files of the folder; that of the record is of its content but for this entry."""

    @property
    def is_exact(self) -> bool:
        """What is left between tracks is rounding: it is in float64, and no track has drawn numbers of its own."""
        return self.job.exact or (self.job.trains_in == "float64" and not self.draws)

    @property
    def epoch_seconds(self) -> float:
        """Mean training seconds of an epoch; 0 without epochs."""
        return sum(epoch.seconds for epoch in self.epochs) / max(len(self.epochs), 1)

    @property
    def examples_per_second(self) -> float:
        """Training throughput over all epochs; 0 without epochs."""
        seconds = sum(epoch.seconds for epoch in self.epochs)
        return sum(epoch.examples for epoch in self.epochs) / seconds if self.epochs else 0.0
