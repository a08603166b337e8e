"""twotrack logs."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def logs(
    first: Annotated[
        list[Path],
        typer.Argument(metavar="A... B", help="Two logs; with --against, the logs of one side's repetitions."),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="B...", help="A log of the other side's repetitions; may be repeated."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=NAME]", help="Compare this metric, with its name in the second log; may be repeated."
        ),
    ] = None,
    config: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="FILE FILE", help="Settings of both sides, YAML or JSON [default: those beside the logs]."
        ),
    ] = None,
    along: Annotated[
        str | None, typer.Option(metavar="AXIS", help="step, epoch, examples or point [default: the one that fits].")
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(metavar="RATE", help="Chance of a false alarm at most, over all metrics and steps.")
    ] = 0.01,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an HTML page with the curves.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Find the first step at which two trainings part beyond their own noise, and what differs in configuration.

    Reads TensorBoard event files, CSV, JSON lines, JSON histories, Hugging Face's trainer_state.json, and the folders
    of runs and recordings. Exit code 1 if a metric parts.
    """
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.logs.comparing import Request, compare
    from twotrack.shared.report.logs import logs_text, write_page
    from twotrack.shared.report.pages import require_page

    if report:
        require_page(report, "--report")
    ours, theirs = _sides(first, against or [])
    request = Request(ours, theirs, tuple(metric or ()), config, along, false_alarms)
    compared = compare(request)
    if report:
        write_page(compared, report)
    if json:
        print_json(compared.result.model_dump() | {"part": compared.result.part})
    else:
        print(logs_text(compared.result), end="")
    raise typer.Exit(1 if compared.result.part else 0)


def _sides(first: list[Path], against: list[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    from twotrack.shared.errors import UserError

    if against:
        return tuple(first), tuple(against)
    if len(first) != 2:
        raise UserError(
            f"expected two logs, found {len(first)}; name two, or the repetitions of one side and, with --against, "
            "those of the other."
        )
    return (first[0],), (first[1],)
