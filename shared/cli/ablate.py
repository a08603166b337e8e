"""twotrack ablate."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


@options.grouped
def ablate(
    chapter: options.Chapter,
    *,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to train, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipe: options.Recipe = "fast",
    seeds: Annotated[int, typer.Option(help="Train everything with this many seeds: 0, 1, ...")] = 3,
    training: options.Training,
    device: options.Device = "auto",
    source: options.Source = "embedded",
    own: options.OwnData,
    out: options.Out = Path("runs"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    json: options.Json = False,
) -> None:
    """Train a chapter aligned, then with one default of each framework at a time, then with all: what each costs."""
    from twotrack.shared.cli.console import data_progress, print_error, print_json, training_progress
    from twotrack.shared.errors import WorkerDiedError
    from twotrack.shared.runs import ablation
    from twotrack.shared.runs.comparison import first_seeds, timestamp
    from twotrack.shared.runs.reserving import reserving
    from twotrack.shared.runs.run_folder import require_writable

    request = options.request(chapter, tracks, first_seeds(seeds), recipe, training, device, source, own)
    pool = options.lent_pool()
    with reserving(out) as reserved:
        folder = reserved.folder(f"ablate_{chapter}_{recipe}_{timestamp()}")
        with data_progress() as show_data:
            jobs = ablation.aligned_jobs(request, folder, show_data, pool)
        require_writable(folder)
        with training_progress() as show:
            outcome = ablation.ablate(jobs, show, pool)
    for failure in outcome.failures:
        print_error(failure.message)
    if not outcome.tracks:
        raise WorkerDiedError("no track finished, so there is nothing to tell.")
    from twotrack.shared.report.ablation import ablation_json, ablation_markdown, ablation_text

    if json:
        print_json({**ablation_json(outcome), "folder": str(folder)})
    elif markdown:
        print(ablation_markdown(outcome))
    else:
        print(ablation_text(outcome))
        print(f"runs: {folder}")
    raise typer.Exit(1 if outcome.failures else 0)
