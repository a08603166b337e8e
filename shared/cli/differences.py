"""twotrack differences."""

from typing import Annotated

import typer

from twotrack.shared.cli import options, screen

WIDTH = 170
"""Characters of a table that goes to no terminal."""


def differences(
    chapter: Annotated[
        str | None, typer.Argument(metavar="[CHAPTER]", help="A chapter's slug; the whole ledger if left out.")
    ] = None,
    tracks: Annotated[
        str,
        typer.Option(help=f"Keras tracks to measure, separated by commas, or 'all': {options.TRACK_LIST}."),
    ] = options.ALL,
    recipe: options.Recipe = "fast",
    settings: options.Settings = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown tables, as the documentation has.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Measure every default on which Keras and torch differ, or those that touch a chapter, on what is installed.

    Exit code 1 if a value is not the one that the ledger states: an upgrade has changed a default.
    """
    from twotrack.shared import chapters
    from twotrack.shared.cli.console import print_error, print_json, track_phases
    from twotrack.shared.differences import measuring
    from twotrack.shared.errors import UserError
    from twotrack.shared.report.differences import differences_json, differences_markdown

    if settings and not chapter:
        raise UserError("--set changes a chapter; name one, for example: twotrack differences mnist_cnn --set ...")
    variant = chapters.get(chapter).variant(recipe, options.parse_settings(settings)) if chapter else None
    chosen_tracks = options.installed_tracks() if tracks == options.ALL else options.parse_tracks(tracks)
    with track_phases() as show:
        outcomes = measuring.differences(variant, chosen_tracks, show, options.lent_pool())
    if json:
        print_json(differences_json(chapter, outcomes))
    elif markdown:
        print(differences_markdown(outcomes))
    else:
        _print_table(outcomes)
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    for problem in problems:
        print_error(problem)
    raise typer.Exit(1 if problems else 0)


def _print_table(outcomes: list) -> None:

    from twotrack.shared.report.differences import differences_table

    console = screen.console()
    if not console.is_terminal:
        console = screen.console(width=WIDTH)
    console.print(differences_table(outcomes))
    count = sum(not outcome.missing for outcome in outcomes)
    print(f"{count} entries measured, {sum(bool(outcome.problems) for outcome in outcomes)} not as the ledger says")
