"""Measures what an exercise asks for: sizes of weights, scores of trainings, claims of experiments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twotrack.shared import chapters
from twotrack.shared.base import atomic
from twotrack.shared.chapters.pairs import chapter_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.errors import UserError
from twotrack.shared.experiments.running import experiment
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_jobs
from twotrack.shared.runs.run_folder import read
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Built:
    """A chapter's model on a track."""

    track: str
    variant: ChapterVariant


@task
def weight_sizes(built: Built) -> dict[str, int]:
    """Return how many numbers each weight that is trained holds, by canonical name."""
    model = open_track(built.track, "cpu").build(chapter_pair(built.variant), 0, "float32")
    trained = model.trainable_names()
    return {name: array.size for name, array in model.weights().items() if name in trained}


@dataclass(frozen=True)
class Bench:
    """Measures on one track, torch where it is installed, with seed 0; the same number is measured once."""

    chapter: str
    pool: WorkerPool
    _known: dict[tuple[str, ...], dict[str, int]] = field(default_factory=dict)

    @property
    def track(self) -> str:
        """Where it measures; UserError where no framework is installed."""
        installed = [name for name, spec in TRACKS.items() if not spec.missing]
        if not installed:
            raise UserError("no track is installed here; run: twotrack doctor")
        return installed[0]

    def sizes(self, **settings: object) -> Mapping[str, int]:
        """Return how many numbers each weight of the chapter's model holds, by canonical name."""
        texts = {name: str(value) for name, value in settings.items()}
        key = tuple(f"{name}={value}" for name, value in texts.items())
        if key not in self._known:
            variant = chapters.get(self.chapter).variant("fast", texts)
            self._known[key] = self.pool.call(self.track, weight_sizes, Built(self.track, variant))
        return self._known[key]

    def score(self, recipe: str = "fast", **settings: object) -> float:
        """Train the chapter's model and return its score on the test split, as `twotrack run` does."""
        texts = {name: str(value) for name, value in settings.items()}
        request = TrainingRequest(self.chapter, (self.track,), recipe=recipe, settings=texts, device="cpu")
        with atomic.scratch() as folder:
            outcome = run_jobs(plan(request, lambda track, seed: Path(folder) / "run"), pool=self.pool)
            if outcome.failures:
                raise UserError(outcome.failures[0].message)
            return read(outcome.folders[0]).record.test[chapters.get(self.chapter).metric]

    def claim(self, name: str, text: str) -> float:
        """Return the number of a claim of an experiment."""
        (answer,) = experiment(self.chapter, [name], [self.track], 0, lambda *_: None, self.pool)
        (finding,) = answer.findings.values()
        return next(claim.value for claim in finding.claims if claim.text == text)
