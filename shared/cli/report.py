"""twotrack report."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders that contain run folders.")
    ],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    ladder: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Show this verification, printed by 'verify --json' [default: what 'compare --verify' left].",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write one self-contained HTML page about finished runs of a chapter."""
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.errors import as_user_error
    from twotrack.shared.report.ladder import find_ladder, read_ladder
    from twotrack.shared.report.runs_page import find_runs, write_report
    from twotrack.shared.report.tables import baseline_scores, comparison_json, comparison_text, notes_on_data

    runs = find_runs(folders)
    climbed = read_ladder(ladder) if ladder else find_ladder(folders)
    with as_user_error("these runs cannot be reported, as one of them holds what no run of this twotrack does"):
        baselines, notes = baseline_scores(runs), notes_on_data(runs)
        page = write_report(runs, out, [], baselines, climbed, notes)
        if json:
            told = comparison_json(runs, [], baselines, climbed, notes) | {"report": str(page)}
        else:
            text = comparison_text(runs, baselines, notes)
    if json:
        print_json(told)
    else:
        print(text)
        print(f"report: {page}")
