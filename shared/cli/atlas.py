"""twotrack atlas."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options, screen

if TYPE_CHECKING:
    from twotrack.shared.atlas.record import Atlas, Setting


def atlas(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Architectures, such as vit or gpt2 [default: all].")
    ] = None,
    tracks: Annotated[
        str, typer.Option(help="Keras tracks to compare with torch, separated by commas.")
    ] = "keras:torch",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the page, a .md, and its data, a .json, after each architecture."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the page's data in FILE, a .json [default: beside the page]."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Measure nothing: take the data of an earlier run [default: none]."
        ),
    ] = None,
    until: Annotated[str, typer.Option(metavar="RUNG", help="The last rung to climb.")] = "accuracy",
    json: options.Json = False,
) -> None:
    """Compare published architectures, small, as keras.applications or keras-hub and transformers have them here.

    Matches their weights without names, climbs the ladder as published and aligned, and says what is not as it was
    with the versions that twotrack is tested with. Ends with exit code 1 if an architecture does not run.
    """
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.report import atlas as report

    files = _files(out, data)
    found = report.read(source) if source else _measured(names or [], options.parse_tracks(tracks), files, until)
    if files is not None:
        report.write(*files, found)
    if json:
        print_json(found.model_dump() | {"changes": report.changes(report.committed(), found)})
    else:
        _print(found, out)
    failed = any(pair.error for entry in found.entries for pair in (entry.published, entry.aligned))
    raise typer.Exit(1 if failed and source is None else 0)


Files = tuple[Path, Path]
"""The page and its data."""


def _files(out: Path | None, data: Path | None) -> Files | None:
    """Return the page and the file of its data, or None for neither; UserError unless both can be written."""
    from twotrack.shared.errors import UserError
    from twotrack.shared.report.pages import require_page

    if out is None:
        if data is not None:
            raise UserError("--data: expected --out too, the page that the data are of.")
        return None
    files = out, data or out.with_suffix(".json")
    for option, file, ending in zip(("--out", "--data"), files, (".md", ".json"), strict=True):
        if file.suffix != ending:
            raise UserError(f"{option}: expected a file that ends in {ending}, found '{file}'.")
        require_page(file, option)
    return files


def _measured(names: Sequence[str], tracks: Sequence[str], files: Files | None, until: str) -> "Atlas":
    """Measure architectures in turn, and write what there is after each."""
    from twotrack.shared.atlas import architectures, measuring
    from twotrack.shared.atlas.record import Atlas
    from twotrack.shared.cli.console import stderr, track_phases
    from twotrack.shared.errors import UserError, unknown
    from twotrack.shared.report import atlas as report
    from twotrack.shared.spec.sides import TORCH
    from twotrack.shared.spec.track import installed_track
    from twotrack.shared.verify.request import RUNGS
    from twotrack.shared.workers.pool import lent_or_new

    chosen = [name for name in architectures.ARCHITECTURES if name in names or not names]
    for name in names:
        architectures.get(name)
    if until not in RUNGS:
        raise unknown("rung", until, RUNGS)
    if TORCH in tracks:
        raise UserError("--tracks: expected Keras tracks, each is compared with torch; found 'torch'.")
    for track in (TORCH, *tracks):
        installed_track(track)
    here = measuring.setting(tracks)
    entries = _kept(files, here, chosen)
    with track_phases() as show, lent_or_new(options.lent_pool(), "cpu", quick_to_compile=True) as pool:
        for number, name in enumerate(chosen, 1):
            entries[name] = measuring.measure(name, tracks, pool, show, until)
            stderr.print(f"{number} of {len(chosen)}: {_line(report.row(entries[name]))}", markup=False)
            found = Atlas(
                setting=here, entries=[entries[name] for name in architectures.ARCHITECTURES if name in entries]
            )
            if files is not None:
                report.write(*files, found)
    return found


def _kept(files: Files | None, here: "Setting", chosen: Sequence[str]) -> dict:
    """Return what the data beside a page has of other architectures; UserError if that is of other versions."""
    from twotrack.shared.errors import UserError
    from twotrack.shared.report import atlas as report

    if files is None or not files[1].is_file():
        return {}
    before = report.read(files[1])
    kept = {entry.name: entry for entry in before.entries if entry.name not in chosen}
    if kept and (before.setting.packages, before.setting.tracks) != (here.packages, here.tracks):
        raise UserError(
            f"--out: '{files[1]}' was measured with other versions or tracks than are here; "
            "give another file, or measure all architectures again."
        )
    return kept


def _line(row: dict[str, str]) -> str:
    return f"{row['title']}: {row['found']} weights, published {row['published']}, aligned {row['aligned']}"


def _print(found: "Atlas", out: Path | None) -> None:
    """Print a table, then what is not as it was."""
    from rich.table import Table

    from twotrack.shared.report import atlas as report

    table = Table(box=None, pad_edge=False)
    for column in ("architecture", "found", "CPU", "names needed", "as published", "aligned by", "aligned"):
        table.add_column(column, overflow="fold")
    for entry in found.entries:
        row = report.row(entry)
        table.add_row(*(row[name] for name in ("title", "found", "cpu", "names", "published", "lines", "aligned")))
    screen.console().print(table)
    before = report.committed()
    changes = report.changes(before, found)
    versions = ", ".join(f"{name} {text}" for name, text in before.setting.packages.items() if name != "twotrack")
    print(f"\n{'not as' if changes else 'all as'} with {versions}", *(f"  {line}" for line in changes), sep="\n")
    print(*([f"page: {out}"] if out else []), sep="\n", end="\n" if out else "")
