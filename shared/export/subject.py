"""What an export works on: a run's model, the inputs it takes, and what the run itself predicted."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from twotrack.shared import __version__, datasets
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.export.formats import INPUT_TYPES, LOGITS, PROBABILITIES
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec import profiles
from twotrack.shared.spec.inputs import Input, describe
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.workers.door import open_track


@dataclass(frozen=True)
class ExportSubject:
    """A finished run, seen by an export."""

    run: Run

    @classmethod
    def of(cls, folder: Path) -> "ExportSubject":
        """Read the run folder; UserError if it is none."""
        return cls(read(folder))

    @cached_property
    def variant(self) -> ChapterVariant:
        """The run's chapter with its settings."""
        return self.run.record.job.variant

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """Every input by name, in the order of torch's forward."""
        return describe(self.variant.inputs())

    @cached_property
    def dataset(self) -> Dataset:
        """The run's data, prepared for its model."""
        return self.variant.data(datasets.here(self.variant.chapter.dataset, self.run.record.job.source))

    def model(self, track: str) -> TrackModel:
        """Return the model with the run's weights on a track of this process, on the CPU."""
        record = self.run.record
        profiles.require_outputs(record.switched, record.job.track, track)
        pair = whole_pair(self.variant)
        model = open_track(track, "cpu").build(pair, record.job.seed, switched=record.switched)
        model.load_weights(self.run.weights)
        return model

    def examples(self, count: int) -> dict[str, np.ndarray]:
        """Return the first test examples (count, ...) by name of the input, prepared for the model."""
        prepared = self.dataset.prepare(self.dataset.test.first(count).inputs)
        return {name: np.asarray(prepared[name], INPUT_TYPES[spec.kind]) for name, spec in self.inputs.items()}

    def probabilities(self, count: int) -> np.ndarray:
        """Return what the run predicted for them: (count, classes), computed from its stored logits."""
        return self.probabilities_of(np.arange(count))

    def probabilities_of(self, rows: np.ndarray) -> np.ndarray:
        """Return what the run predicted for the test examples at these rows: (rows, classes)."""
        return metrics.probabilities(self.run.logits[rows])

    def metadata(self) -> dict[str, str]:
        """Return what a file should say of itself, as texts."""
        job = self.run.record.job
        inputs = {
            name: {"type": INPUT_TYPES[spec.kind], "shape": ["batch", *spec.shape], "axes": "channels last"}
            for name, spec in self.inputs.items()
        }
        plain = {
            "chapter": job.chapter,
            "settings": job.settings,
            "trained_on": job.track,
            "inputs": inputs,
            "outputs": [LOGITS, PROBABILITIES],
            "classes": list(self.dataset.class_names),
        }
        return {"twotrack": __version__} | {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in plain.items()
        }
