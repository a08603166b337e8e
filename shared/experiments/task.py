"""Worker task: do one experiment on the worker's track."""

import importlib
from dataclasses import dataclass

from twotrack.shared.experiments.lab import open_lab
from twotrack.shared.experiments.spec import Finding
from twotrack.shared.workers.task import Report, task


@dataclass(frozen=True)
class Experiment:
    """One experiment of a chapter, to do on a track."""

    track: str
    chapter: str
    name: str
    seed: int


@task
def measure(experiment: Experiment, report: Report) -> Finding:
    """Do it and return what it finds."""
    lab = open_lab(experiment.track, experiment.chapter, experiment.seed)
    module = importlib.import_module(f"twotrack.shared.experiments.{experiment.chapter}")
    return getattr(module, experiment.name)(lab, report)
