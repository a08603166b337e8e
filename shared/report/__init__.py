"""Run folders to one self-contained HTML page."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from shared import chapters, datasets, metrics
from shared.datasets.spec import Dataset
from shared.errors import UserError
from shared.harness.comparison import Failure
from shared.harness.run_folder import RECORD, Run, read, unwritable
from shared.report import disagreements, tables
from shared.track import TRACKS


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Read run folders, or the run folders directly inside; UserError unless they can be compared."""
    found: dict[Path, Run] = {}
    for folder in folders:
        inside = (
            [folder] if (folder / RECORD).exists() else sorted(file.parent for file in folder.glob(f"[!.]*/{RECORD}"))
        )
        if not inside:
            raise UserError(f"'{folder}' holds no finished run; name a folder that 'run' or 'compare' has printed.")
        found |= {one.resolve(): read(one) for one in inside}
    order = list(TRACKS)
    runs = sorted(found.values(), key=lambda run: (order.index(run.record.job.track), run.record.job.seed))
    _require_comparable(runs)
    return runs


def _require_comparable(runs: Sequence[Run]) -> None:
    """Require that the runs differ in track and seed only."""
    first = runs[0]
    for run in runs[1:]:
        for what in ("chapter", "config", "recipe", "data"):
            ours, theirs = _aspect(first, what), _aspect(run, what)
            if ours != theirs:
                raise UserError(
                    f"runs of one report differ in track and seed only; {what} of '{first.folder}' is {ours}, "
                    f"of '{run.folder}' it is {theirs}."
                )
    keys = [(run.record.job.track, run.record.job.seed) for run in runs]
    for track, seed in keys:
        if keys.count((track, seed)) > 1:
            raise UserError(f"two of the runs are of track {track} with seed {seed}; name only one of them.")


def _aspect(run: Run, what: str) -> object:
    if what == "chapter":
        return run.record.job.chapter
    return run.record.data.model_dump() if what == "data" else getattr(run.record, what)


def write_report(runs: Sequence[Run], page: Path, failures: Sequence[Failure]) -> Path:
    """Render the page, which appears whole or not at all; UserError if it cannot be written."""
    from jinja2 import Environment, StrictUndefined

    template = files("shared.report").joinpath("page.html.j2").read_text()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    content = environment.from_string(template).render(_context(runs, failures))
    partial = page.with_name(f".{page.name}.partial")
    try:
        partial.write_text(content)
        partial.replace(page)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise unwritable(page.parent, error) from error
    return page


def _context(runs: Sequence[Run], failures: Sequence[Failure]) -> dict[str, Any]:
    from shared.report import figures

    record = runs[0].record
    chapter = chapters.get(record.job.chapter)
    dataset = datasets.load(chapter.dataset, _source(chapter.dataset, record.job.source))
    return {
        "chapter": chapter,
        "record": record,
        "style": files("shared.report").joinpath("style.css").read_text(),
        "track_rows": tables.track_rows(runs),
        "difference_rows": tables.difference_rows(runs),
        "difference_text": tables.difference_text,
        "same_start": tables.same_start(runs),
        "failures": failures,
        "curves": figures.learning_curves(runs),
        "confusions": _confusions(runs),
        "class_names": dataset.class_names,
        "disagreements": _disagreements(runs, dataset),
        "runs": runs,
    }


def _source(dataset: str, recorded: datasets.Source) -> datasets.Source:
    """Return where the data lies here: embedded data moves with the installation, whatever the record says."""
    return datasets.embedded_source(dataset) if recorded.name == datasets.EMBEDDED else recorded


def _confusions(runs: Sequence[Run]) -> dict[str, list[list[int]]]:
    """Return each track's confusion matrix, summed over its seeds."""
    return {
        track: sum(metrics.confusion(run.logits, run.labels) for run in mine).tolist()
        for track, mine in tables.tracks_of(runs).items()
    }


def _disagreements(runs: Sequence[Run], dataset: Dataset) -> dict[str, Any]:
    """Return the disagreements of the lowest seed that most tracks ran."""
    seed = min(run.record.job.seed for run in runs)
    of_seed = [run for run in runs if run.record.job.seed == seed]
    examples = disagreements.find(of_seed)
    return {
        "seed": seed,
        "count": len(examples),
        "shown": disagreements.show(of_seed, examples, dataset.test.inputs, dataset.class_names),
        "tracks": len(of_seed),
    }
