"""Finished runs made by hand, through the product's own writer, so that no training is needed to read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared import __version__, chapters, datasets
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs import run_content
from twotrack.shared.runs.records import (
    SCHEMA_VERSION,
    DataRecord,
    EpochRecord,
    Job,
    MemoryRecord,
    RunRecord,
    TimingRecord,
)
from twotrack.shared.runs.run_folder import PREDICTIONS, RECORD, Run, RunWriter, read
from twotrack.shared.runs.training import describe

CLASSES, STEPS = 10, 4
WEIGHTS = {"logits.kernel": np.ones((4, CLASSES), np.float32), "logits.bias": np.zeros(CLASSES, np.float32)}


def answers(labels: np.ndarray, wrong: list[int], seed: int = 0) -> np.ndarray:
    """Return logits (examples, 10) that are right except on the numbered examples."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), CLASSES)).astype(np.float32)
    chosen = labels.copy()
    chosen[wrong] = (chosen[wrong] + 1) % CLASSES
    logits[np.arange(len(labels)), chosen] += 20
    return logits


def record_of(folder: Path, track: str = "torch", seed: int = 0, **changes: Any) -> RunRecord:
    """Return the record of a run whose numbers are plausible; `changes` replace whole fields."""
    chapter, data = chapters.get("mnist_cnn"), datasets.embedded_source("mnist")
    job = Job(
        chapter="mnist_cnn",
        track=track,
        seed=seed,
        recipe="fast",
        settings={},
        epochs=1,
        examples=512,
        device="auto",
        source=data,
        folder=folder,
        command=["twotrack", "run", "mnist_cnn"],
    )
    figures = {"train_loss": 0.5, "validation_loss": 0.4, "validation_metric": 0.9, "seconds": 2.0}
    fields = {
        "schema_version": SCHEMA_VERSION,
        "twotrack": __version__,
        "finished": "2025-01-01T00:00:00+00:00",
        "job": job,
        "device": "cpu",
        "config": {"architecture": "flatten"},
        "recipe": describe(chapter.recipe("fast")),
        "data": DataRecord(
            name="mnist", source="embedded", fingerprint="f00d", train=512, validation=5000, test=10_000
        ),
        "parameters": 421_642,
        "initial_weights": {"logits.kernel": "aa", "logits.bias": "bb"},
        "batches": "cc",
        "steps": STEPS,
        "epochs": [EpochRecord(epoch=1, trained="all", examples=512, feeding_seconds=0.1, **figures)],
        "test": {"accuracy": 0.9, "loss": 0.4},
        "timing": TimingRecord(framework_import=3.0, build=0.1, warm_up=0.2, features=0.0, validation=1.0, test=2.0),
        "memory": MemoryRecord(after_import=10**8, peak=2 * 10**8, peak_device=None),
        "environment": {
            "python": "3.11",
            "platform": "Linux",
            "processor": "a processor",
            "cores": 2,
            "memory_bytes": 2**33,
            "packages": {"torch": "2.13.0"},
        },
        "files": {},
    }
    return RunRecord(**fields | changes)


def make_run(
    folder: Path,
    logits: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    weights: Mapping[str, np.ndarray] = WEIGHTS,
    history: Mapping[str, list[float]] | None = None,
    **changes: Any,
) -> Run:
    """Write a finished run and read it back; without logits, of ten right answers."""
    labels = np.arange(CLASSES, dtype=np.int32) if labels is None else labels
    logits = answers(labels, []) if logits is None else logits
    with RunWriter(folder) as writer:
        history = history or {"loss": [2.0, 1.0, 0.6, 0.5], "learning_rate": [1e-3] * STEPS}
        files = writer.write(history, {"logits": logits, "labels": labels}, weights)
        told = {"test": metrics.evaluate(logits, labels), "steps": len(history["loss"])}
        writer.finish(record_of(folder, files=files, **told | changes))
    return read(folder)


def reseal(folder: Path) -> None:
    """Let a run's record say what the files of the folder now are, scores included, as a forger would."""
    record = json.loads((folder / RECORD).read_text())
    with np.load(folder / PREDICTIONS) as archive:
        record["test"] = metrics.evaluate(archive["logits"], archive["labels"])
    record["files"] = {name: sha256_of(folder / name) for name in record["files"] if name != RECORD}
    record["files"][RECORD] = run_content.seal(record)
    (folder / RECORD).write_text(json.dumps(record))


def make_comparison(folder: Path, chapter: str, tracks: Sequence[str], seeds: int, epochs: int, steps: int) -> None:
    """Write finished runs on a chapter's real test split, with plausible outputs and curves of their own each."""
    spec = chapters.get(chapter)
    labels = spec.data().test.labels
    sides = 1 if len(spec.data().class_names) == 2 else len(spec.data().class_names)
    job = record_of(folder).job.model_copy(
        update={
            "chapter": chapter,
            "epochs": epochs,
            "examples": None,
            "source": datasets.embedded_source(spec.dataset),
            "command": ["twotrack", "compare", chapter, "--tracks", ",".join(tracks), "--seeds", str(seeds)],
        }
    )
    chance = np.random.default_rng(0)
    truth = 2.0 * (labels[:, None] - 0.5 if sides == 1 else 3 * np.eye(sides)[labels])
    common = truth + chance.normal(size=(len(labels), sides))
    for number, track in enumerate(tracks):
        for seed in range(seeds):
            made = _curves(chance, epochs, steps, speed=1 + number)
            logits = (common + 0.3 * chance.normal(size=common.shape)).astype(np.float32)
            make_run(
                folder / f"{track.replace(':', '-')}_seed{seed}",
                logits,
                labels,
                history=made["history"],
                job=job.model_copy(update={"track": track, "seed": seed}),
                config=asdict(spec.config),
                recipe=describe(spec.recipe("fast")),
                data=DataRecord(
                    name=spec.dataset, source="embedded", fingerprint="f00d", train=steps * 64 // epochs,
                    validation=500, test=len(labels),
                ),
                test=metrics.evaluate(logits, labels),
                epochs=made["epochs"],
                steps=steps,
                memory=MemoryRecord(after_import=10**8, peak=int(4e8 + 1e8 * number + 1e6 * seed), peak_device=None),
            )  # fmt: skip


def _curves(chance: np.random.Generator, epochs: int, steps: int, speed: float) -> dict[str, Any]:
    """Return a history that falls, and epochs that go with it."""
    losses = (0.05 + 2 / (1 + 0.05 * np.arange(steps))) * chance.lognormal(sigma=0.1, size=steps)
    by_epoch = losses[: steps // epochs * epochs].reshape(epochs, -1).mean(axis=1)
    rows = [
        EpochRecord(
            epoch=number + 1, trained="all", examples=steps * 64 // epochs, train_loss=loss, validation_loss=1.1 * loss,
            validation_metric=1 / (1 + loss), seconds=speed * chance.uniform(0.9, 1.1), feeding_seconds=0.1,
        )
        for number, loss in enumerate(by_epoch.tolist())
    ]  # fmt: skip
    return {"history": {"loss": losses.tolist(), "learning_rate": [1e-3] * steps}, "epochs": rows}
