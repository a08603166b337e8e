"""From a chapter, tracks and a seed to findings: every experiment on every track, one worker per track."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twotrack.shared.experiments import EXPERIMENTS, names
from twotrack.shared.experiments.spec import Finding
from twotrack.shared.harness.processes import Worker
from twotrack.shared.track import installed_track

OnPhase = Callable[[str, str], None]
"""Called with track and phase."""


@dataclass(frozen=True)
class Answer:
    """One experiment, answered by every track."""

    name: str
    question: str
    findings: dict[str, Finding]
    """By track."""

    @property
    def holds(self) -> bool:
        """Whether every claim holds on every track."""
        return all(finding.holds for finding in self.findings.values())


def experiment(chapter: str, asked: Sequence[str], tracks: Sequence[str], seed: int, on_phase: OnPhase) -> list[Answer]:
    """Do experiments of a chapter, all if none is asked for.

    Raises UserError for what cannot be done, before any worker starts, and WorkerDiedError if a worker does.
    """
    chosen = names(chapter, list(asked))
    for track in tracks:
        installed_track(track)
    found: dict[str, dict[str, Finding]] = {name: {} for name in chosen}
    for track in tracks:
        with Worker(track) as worker:
            for name in chosen:
                found[name][track] = _measure(worker, track, chapter, name, seed, on_phase)
    return [Answer(name, EXPERIMENTS[chapter][name], found[name]) for name in chosen]


def _measure(worker: Worker, track: str, chapter: str, name: str, seed: int, on_phase: OnPhase) -> Finding:
    on_phase(track, name)
    arguments = {"track": track, "chapter": chapter, "experiment": name, "seed": seed}
    answer = worker.call(
        "twotrack.shared.experiments.task:measure",
        arguments,
        lambda figures: on_phase(track, f"{name}, {figures['phase']}"),
    )
    return Finding.model_validate(answer)
