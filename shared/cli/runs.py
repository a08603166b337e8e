"""twotrack runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twotrack.shared.cli import options, screen

if TYPE_CHECKING:
    from twotrack.shared.runs.catalogue import Filter, Problem


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER...", help="Folders of results, with all below them [default: runs]."),
    ] = None,
    chapter: Annotated[str | None, typer.Option(help="Only of this chapter.")] = None,
    track: Annotated[str | None, typer.Option(help="Only of this track.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only with this seed.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Only with this recipe.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Only with this setting, typed or default; may be repeated."),
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=NUMBER", help="Only with this test metric at least so large; may be repeated."),
    ] = None,
    at_most: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=NUMBER", help="Only with this test metric at most so large; may be repeated."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only finished then or later, in UTC.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Only finished earlier, in UTC.")] = None,
    sort: Annotated[str, typer.Option(help="finished, folder, chapter, track, seed or score.")] = "finished",
    reverse: Annotated[bool, typer.Option("--reverse", help="The last one first.")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a CSV file instead; '-' is stdout.")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of record.json and do nothing else.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List finished runs, and name the folders that are damaged or unfinished."""
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.errors import UserError
    from twotrack.shared.runs import catalogue
    from twotrack.shared.runs.schema import record_schema

    if schema:
        print_json(record_schema())
        return
    if csv and json:
        raise UserError("--csv and --json are two forms of the same list; choose one.")
    criteria = _filter(chapter, track, seed, recipe, settings, at_least, at_most, since, until)
    finished, problems = catalogue.find(folders or [Path("runs")])
    rows = catalogue.ordered([catalogue.row(run) for run in catalogue.select(finished, criteria)], sort, reverse)
    if json:
        print_json({"runs": rows, "problems": [_plain(problem) for problem in problems]})
    elif csv:
        _write_csv(csv, rows, problems)
    else:
        _print(rows, problems)


def _filter(
    chapter: str | None,
    track: str | None,
    seed: int | None,
    recipe: str | None,
    settings: list[str] | None,
    at_least: list[str] | None,
    at_most: list[str] | None,
    since: str | None,
    until: str | None,
) -> "Filter":
    """Read the options' texts; UserError for what cannot be read."""
    from twotrack.shared import chapters
    from twotrack.shared.errors import unknown
    from twotrack.shared.runs.catalogue import Filter, moment
    from twotrack.shared.spec.track import TRACKS

    if chapter:
        chapters.get(chapter)
    if track and track not in TRACKS:
        raise unknown("track", track, TRACKS)
    return Filter(
        chapter=chapter,
        track=track,
        seed=seed,
        recipe=recipe,
        settings=options.parse_settings(settings),
        at_least=_limits("--at-least", at_least),
        at_most=_limits("--at-most", at_most),
        since=moment(since, "--since") if since else None,
        until=moment(until, "--until") if until else None,
    )


def _limits(option: str, texts: list[str] | None) -> dict[str, float]:
    from twotrack.shared.errors import UserError

    limits = {}
    for text in texts or []:
        name, _, number = text.partition("=")
        try:
            limits[name] = float(number)
        except ValueError as error:
            raise UserError(f"{option} {text}: expected METRIC=NUMBER, for example accuracy=0.98.") from error
    return limits


def _plain(problem: "Problem") -> dict[str, str]:
    return {name: str(value) for name, value in vars(problem).items()}


def _write_csv(target: Path, rows: list[dict[str, Any]], problems: "list[Problem]") -> None:
    import sys

    from twotrack.shared.base import atomic
    from twotrack.shared.runs.run_folder import unwritable

    text = _csv([_csv_line(row) for row in rows] + [_plain(problem) for problem in problems])
    if target == Path("-"):
        sys.stdout.write(text)
        return
    try:
        atomic.write(target, text)
    except OSError as error:
        raise unwritable(target.parent, error, "--csv") from error


def _csv(lines: list[dict[str, Any]]) -> str:
    """Return a line per run, each test metric in a column of its own, then a line per problem."""
    from csv import DictWriter
    from io import StringIO

    text = StringIO()
    columns = list(dict.fromkeys(name for line in lines for name in line)) or ["state", "folder"]
    writer = DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _csv_line(row: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name != "test"}
    metrics = {f"test_{name}": value for name, value in sorted(row["test"].items())}
    return {"state": "finished"} | plain | {"settings": _settings(row)} | metrics


def _settings(row: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in row["settings"].items())


def _print(rows: list[dict[str, Any]], problems: "list[Problem]") -> None:
    from rich import box
    from rich.table import Table

    table = Table(
        "finished (UTC)", "chapter", "recipe", "track", "seed", "test", "settings", "folder", box=box.SIMPLE_HEAD
    )
    for row in rows:
        score = f"{row['metric']} {row['score']:.4f}"
        when = row["finished"][:16].replace("T", " ")
        table.add_row(
            when, row["chapter"], row["recipe"], row["track"], str(row["seed"]), score, _settings(row),
            screen.in_line(row["folder"]),
        )  # fmt: skip
    wide = max(200, *(len(row["folder"]) + 200 for row in rows)) if rows else 200
    console = screen.console(soft_wrap=True, width=wide)
    if rows:
        console.print(table)
    console.print(f"{len(rows)} run{'s' * (len(rows) != 1)}")
    for problem in problems:
        console.print(screen.in_line(f"{problem.state}: '{problem.folder}': {problem.reason}"))
