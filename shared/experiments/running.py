"""From a chapter, tracks and a seed to findings: every experiment on every track, one worker per track."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twotrack.shared.experiments import EXPERIMENTS, names
from twotrack.shared.experiments.spec import Finding
from twotrack.shared.experiments.task import Experiment, measure
from twotrack.shared.spec.track import installed_track
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

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


def experiment(
    chapter: str,
    asked: Sequence[str],
    tracks: Sequence[str],
    seed: int,
    on_phase: OnPhase,
    pool: WorkerPool | None = None,
) -> list[Answer]:
    """Do experiments of a chapter, all if none is asked for.

    Raises UserError for what cannot be done, before any worker starts, and WorkerDiedError if a worker does.
    """
    chosen = names(chapter, list(asked))
    for track in tracks:
        installed_track(track)
    found: dict[str, dict[str, Finding]] = {name: {} for name in chosen}
    for track in tracks:
        with lent_or_new(pool) as workers:
            for name in chosen:
                found[name][track] = _measure(workers, Experiment(track, chapter, name, seed), on_phase)
    return [Answer(name, EXPERIMENTS[chapter][name], found[name]) for name in chosen]


def _measure(workers: WorkerPool, asked: Experiment, on_phase: OnPhase) -> Finding:
    on_phase(asked.track, asked.name)

    def show(progress: Progress) -> None:
        on_phase(asked.track, f"{asked.name}, {progress.phase}")

    return workers.call(asked.track, measure, asked, show)
