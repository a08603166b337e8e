"""twotrack match."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twotrack.shared.cli import options, screen

if TYPE_CHECKING:
    from twotrack.shared.matching.result import Match


def match(
    subject: Annotated[str, typer.Argument(metavar="MODULE:PAIR", help="A pair of your own.")],
    track: Annotated[str, typer.Option(help="The Keras track whose weights are looked for.")] = "keras:torch",
    write: Annotated[
        bool, typer.Option("--write/--no-write", help="Write the map to MODULE.PAIR.map.toml beside the pair.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Find which weight of torch's model is which of Keras' model, in which layout, from what they compute.

    Prints a table, and writes the map, which `verify` and `convert` use. Exit code 1 if weights are left that matter:
    then nothing is written, and the place where the search got stuck is the first where the models differ.
    """
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.errors import UserError

    if ":" not in subject:
        raise UserError(f"expected a pair of your own as MODULE:PAIR, found '{subject}'.")
    found, file = _found(subject, track, write)
    if json:
        print_json(_facts(found, file))
    else:
        _print(found, file)
    raise typer.Exit(1 if found.live_left or found.recorded_left else 0)


def _found(subject: str, track: str, write: bool) -> "tuple[Match, Path | None]":
    """Search; write the map if it is wanted and whole, and return its file."""
    from twotrack.shared.base import atomic
    from twotrack.shared.cli.console import track_phases
    from twotrack.shared.errors import UserError
    from twotrack.shared.spec.sides import TORCH
    from twotrack.shared.spec.track import installed_track
    from twotrack.shared.verify import mapping
    from twotrack.shared.verify.request import VerifyRequest
    from twotrack.shared.verify.showing import Showing
    from twotrack.shared.weights.correspondence import map_file
    from twotrack.shared.workers.pool import lent_or_new

    for name in (TORCH, track):
        installed_track(name)
    request = VerifyRequest(name=subject).located()
    with (
        atomic.scratch() as folder,
        track_phases() as show,
        lent_or_new(options.lent_pool(), "cpu") as pool,
    ):
        found = mapping.search(request, track, Showing(pool, show), folder)
    if not write or found.live_left or found.recorded_left:
        return found, None
    file = mapping.map_beside(request)
    if file is None:
        raise UserError(f"the file of '{subject}' is not found, so nothing is beside it; take --no-write.")
    map_file.write(file, mapping.as_map(found))
    return found, file


def _facts(found: "Match", file: Path | None) -> dict[str, Any]:
    """Return what was found as data."""
    weights = [{"weight": name, "rule": rule, "how": how} for name, rule, how in found.rows()]
    return {
        "weights": weights,
        "is_proved": found.is_proved,
        "keras_left": found.live_left,
        "torch_left": found.recorded_left,
        "keras_unused": found.live_unused,
        "torch_unused": found.recorded_unused,
        "stuck": found.stuck,
        "differences": [vars(one) for one in found.differences],
        "seconds": found.seconds,
        "map": str(file) if file else None,
    }


def _print(found: "Match", file: Path | None) -> None:
    """Print a table of the weights, then what is left and where the models differ."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("Keras", "made of torch's", "decided by"):
        table.add_column(column, overflow="fold")
    for row in found.rows():
        table.add_row(*row)
    screen.console().print(table)
    print(*_told(found), *([f"map: {file}"] if file else []), sep="\n")


def _told(found: "Match") -> list[str]:
    """Return what there is to say below the table."""
    from twotrack.shared.weights.bridge.names import listed

    proved = "with these weights the outputs are the same" if found.is_proved else "the outputs are not proved the same"
    lines = [f"{len(found.weights)} weights in {found.seconds:.1f} s, {found.runs} runs; {proved}"]
    for what, names in (
        ("left in Keras", found.live_left),
        ("left in torch", found.recorded_left),
        ("unused in Keras", found.live_unused),
        ("unused in torch", found.recorded_unused),
    ):
        lines += [f"{what}: {listed(list(names))}"] if names else []
    lines += [f"stuck at torch's '{found.stuck}'"] if found.stuck else []
    lines += [
        f"{one.size:.1e} apart {'in' if one.inside else 'in front of'} torch's '{one.recorded}', Keras' '{one.live}'"
        for one in found.differences
    ]
    return [*lines, *(f"may change places: {', '.join(group)}" for group in found.equivalent)]
