"""A sweep's comparisons side by side: a row for each track of each, as text and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.report.runs_page import write_report
from twotrack.shared.report.tables import (
    baseline_scores,
    comparison_json,
    metric_of,
    notes_on_data,
    score_text,
    track_rows,
)
from twotrack.shared.runs.comparison import TrackFailure, TrainingRequest
from twotrack.shared.runs.run_folder import Run

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Compared:
    """One comparison of a sweep, as far as it is finished."""

    folder: Path
    request: TrainingRequest
    runs: Sequence[Run]
    failures: Sequence[TrackFailure]

    @property
    def settings(self) -> str:
        """What is set, in a few words."""
        return ", ".join(f"{name}={value}" for name, value in self.request.settings.items())


@dataclass
class Reporter:
    """Writes the comparisons' reports; what is told of a chapter's data is computed once."""

    _of_data: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def report(self, compared: Compared) -> dict[str, Any]:
        """Write the page of a comparison and return what it says, as data; without any run, the failures alone."""
        known = {
            "folder": str(compared.folder),
            "chapter": compared.request.chapter,
            "recipe": compared.request.recipe,
            "settings": dict(compared.request.settings),
        }
        if not compared.runs:
            return known | {"report": None, "tracks": [], "failures": [vars(one) for one in compared.failures]}
        baselines, notes = self._told_of_data(compared)
        page = write_report(compared.runs, compared.folder / "report.html", compared.failures, baselines, None, notes)
        return comparison_json(compared.runs, compared.failures, baselines, None, notes) | known | {"report": str(page)}

    def _told_of_data(self, compared: Compared) -> tuple[Mapping[str, Mapping[str, float]], Any]:
        chapter = compared.request.chapter
        if chapter not in self._of_data:
            self._of_data[chapter] = baseline_scores(compared.runs), notes_on_data(compared.runs)
        return self._of_data[chapter]


def sweep_table(sweep: Sequence[Compared]) -> "Table":
    """Return the table of all tracks of all comparisons."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("comparison", "settings", "track", "seeds", "score", "s/epoch"):
        table.add_column(column, overflow="fold")
    for compared in sweep:
        for row in track_rows(compared.runs) if compared.runs else ():
            score = f"{METRICS[metric_of(compared.runs)].label} {score_text(row.score)}"
            seeds, seconds = str(len(row.seeds)), f"{row.epoch_seconds:.2f}"
            table.add_row(compared.folder.name, compared.settings, row.track, seeds, score, seconds)
        for failure in compared.failures:
            table.add_row(compared.folder.name, compared.settings, failure.track, "", "failed", "")
    return table
