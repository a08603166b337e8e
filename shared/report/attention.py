"""Where the heads of a trained Transformer look: computed in NumPy from the weights of finished runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.experiments.churn_transformer import picture, typical
from twotrack.shared.experiments.spec import Heatmaps
from twotrack.shared.runs.run_folder import Run


@dataclass(frozen=True)
class CustomerAttention:
    """One test customer under all tracks."""

    months: int
    pictures: dict[str, Heatmaps]
    """By track."""
    apart: float
    """Largest difference between two tracks; 0 with one track."""


def customers(runs: Sequence[Run], dataset: Dataset) -> list[CustomerAttention]:
    """Return typical test customers under the runs of the lowest seed; none for a chapter without heads."""
    if chapters.get(runs[0].record.job.chapter).attention is None:
        return []
    seed = min(run.record.job.seed for run in runs)
    chosen = dataset.test.take(typical(dataset.test))
    maps = {run.record.job.track: attention(run, dataset, chosen) for run in runs if run.record.job.seed == seed}
    return [
        CustomerAttention(
            months=int(chosen.inputs["mask"][number].sum()),
            pictures={track: picture(chosen, number, shares[number]) for track, shares in maps.items()},
            apart=float(np.ptp([shares[number] for shares in maps.values()], axis=0).max()),
        )
        for number in range(len(chosen))
    ]


def attention(run: Run, dataset: Dataset, split: Split) -> np.ndarray:
    """Return the attention of a run's model for a split, (customers, blocks, heads, 12, 12)."""
    chapter = chapters.get(run.record.job.chapter)
    if chapter.attention is None:
        raise ValueError(f"expected a chapter that says where its heads look, found '{chapter.slug}'")
    config = type(chapter.config)(**run.record.config)
    return chapter.attention(run.weights, config, dataset.prepare(split.inputs))
