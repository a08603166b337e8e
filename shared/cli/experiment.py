"""twotrack experiment."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def experiment(
    chapter: options.Chapter,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Experiments; all of the chapter if left out.")
    ] = None,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to measure in, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    seed: Annotated[int, typer.Option(min=0, help="Fixes initial weights and batch order.")] = 0,
    out: options.Out = Path("runs"),
    json: options.Json = False,
) -> None:
    """Measure what a chapter claims, in several tracks, and write a page with tables and plots.

    Exit code 1 if a claim does not hold.
    """
    from twotrack.shared.cli.console import print_json, track_phases
    from twotrack.shared.experiments.running import experiment as measure
    from twotrack.shared.report.experiments import answers_json, answers_text, write_page
    from twotrack.shared.runs.comparison import timestamp
    from twotrack.shared.runs.reserving import reserving

    with reserving(out) as reserved:
        folder = reserved.folder(f"experiment_{chapter}_{timestamp()}")
        with track_phases() as show:
            answers = measure(chapter, names or [], options.parse_tracks(tracks), seed, show, options.lent_pool())
        page = write_page(chapter, seed, answers, folder)
    if json:
        print_json(answers_json(chapter, seed, answers) | {"page": str(page)})
    else:
        print(answers_text(answers))
        print(f"page: {page}")
    raise typer.Exit(0 if all(answer.holds for answer in answers) else 1)
