"""twotrack formats."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def formats(
    chapters: Annotated[list[str] | None, typer.Argument(metavar="CHAPTER...", help="Chapters [default: all].")] = None,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks that train the runs, separated by commas, out of: {options.TRACK_LIST}.")
    ] = "torch",
    out: Annotated[Path | None, typer.Option(help="Write the table to this Markdown file too.")] = None,
    json: options.Json = False,
) -> None:
    """Export a small run of each chapter to every format, and show the differences or the reasons why not.

    Exit code 1 if an export fails.
    """
    from twotrack.shared.chapters import CHAPTERS
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.export.table import markdown, measure
    from twotrack.shared.report.pages import require_page, write_file

    if out:
        require_page(out, "--out")
    cells = measure(
        chapters or list(CHAPTERS),
        options.parse_tracks(tracks),
        lambda row: stderr.print(row, markup=False),
        options.lent_pool(),
    )
    table = markdown(cells)
    if out:
        write_file(out, table)
    if json:
        print_json([asdict(cell) for cell in cells])
    else:
        print(table, end="")
    raise typer.Exit(1 if any(cell.reason for cell in cells) else 0)
