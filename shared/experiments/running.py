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
class ExperimentAnswer:
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
    experiments: Sequence[str],
    tracks: Sequence[str],
    seed: int,
    on_phase: OnPhase,
    pool: WorkerPool | None = None,
) -> list[ExperimentAnswer]:
    """Do experiments of a chapter, all if none is asked for.

    Raises UserError for what cannot be done, before any worker starts, and WorkerDiedError if a worker does.
    """
    chosen = names(chapter, list(experiments))
    for track in tracks:
        installed_track(track)
    findings: dict[str, dict[str, Finding]] = {name: {} for name in chosen}
    for track in tracks:
        with lent_or_new(pool) as workers:
            for name in chosen:
                findings[name][track] = _measure(workers, Experiment(track, chapter, name, seed), on_phase)
    return [ExperimentAnswer(name, EXPERIMENTS[chapter][name], findings[name]) for name in chosen]


def _measure(workers: WorkerPool, request: Experiment, on_phase: OnPhase) -> Finding:
    on_phase(request.track, request.name)

    def show(progress: Progress) -> None:
        on_phase(request.track, f"{request.name}, {progress.phase}")

    return workers.call(request.track, measure, request, show)
