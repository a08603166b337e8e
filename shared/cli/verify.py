"""twotrack verify."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twotrack.shared.base import ordinary
from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.report.causes import Side
    from twotrack.shared.report.ladder import LadderRecord
    from twotrack.shared.verify.ladder import TrackResult
    from twotrack.shared.verify.request import VerifyRequest


def verify(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="CHAPTER | MODULE:PAIR | DIR", help="A chapter, a pair of your own, or a recording of one side."
        ),
    ],
    other: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Another recording, to compare the first one with.")
    ] = None,
    tracks: Annotated[
        str,
        typer.Option(help=f"Tracks to compare, separated by commas, or 'all' installed ones: {options.TRACK_LIST}."),
    ] = options.ALL,
    reference: Annotated[
        str | None,
        typer.Option(metavar="TRACK", help="The track that others are compared with [default: torch, if it is there]."),
    ] = None,
    recipe: options.Recipe = "fast",
    settings: options.Settings = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Weights to compare on: a checkpoint of a pair's side; or, for a chapter, as of `twotrack run`."
        ),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Inputs to compare a pair on: an .npz, arrays by input name.")
    ] = None,
    until: Annotated[
        str,
        typer.Option(metavar="RUNG", help="The last rung to climb, data, parameters, ... or accuracy."),
    ] = "accuracy",
    first: Annotated[
        bool, typer.Option("--first", help="End at the first cause of a failure; do not look for what is behind it.")
    ] = False,
    fix: Annotated[
        str | None,
        typer.Option(metavar="keras|torch", help="The side you want to change: print only its lines [default: both]."),
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="The weight map of your own pair [default: MODULE.PAIR.map.toml beside it]."
        ),
    ] = None,
    no_map: Annotated[bool, typer.Option("--no-map", help="Match weights by name alone; use no weight map.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write an HTML page: rungs, causes, both sides' settings, a picture."),
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compare the pair's sides, run here, with this recording [default: none]."),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="What names in the (second) recording begin with, and what to read there, {i} for what changes: "
            "encoder.layer.{i}=layer_{i}; may be repeated.",
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="After the rungs, judge both sides in float32, bfloat16, float16, tf32 or float64, separated by "
            "commas: is each as close to float64 as its arithmetic allows? [default: none]",
        ),
    ] = "",
    replicas: options.Replicas = 1,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 3 where a pass has exceptions.")] = False,
    json: options.Json = False,
) -> None:
    """Prove, rung by rung, that two models are the same; else name where they part, and why.

    A cause is proved: with it removed in memory the sides agree. A pass says what was compared; an exception is what
    could hide a difference. Exit code 1 if a rung fails.
    """
    from twotrack.shared.precision.formats import arithmetics
    from twotrack.shared.verify.request import VerifyRequest

    lower = arithmetics(precision) if precision else ()
    if other or recording or rename:
        _require_run(precision, replicas)
        raise typer.Exit(_recordings(subject, other, recording, tracks, rename or [], until, report, strict, json))
    request = VerifyRequest(name=subject, settings=_settings(subject, settings, weights), recipe=recipe, until=until)
    changes = {"causes": "first" if first else "all", "reference": reference, **_own(subject, weights, inputs)}
    changes |= {"arithmetics": lower, "replicas": replicas}
    request = _with_map(request.model_copy(update=changes), map_file, no_map)
    raise typer.Exit(_climbed(request, _side(fix), tracks, report, strict, json))


def _climbed(
    request: "VerifyRequest", side: "Side | None", tracks: str, report: Path | None, strict: bool, json: bool
) -> int:
    """Run both sides and tell what the ladder says of them; return the exit code."""
    from twotrack.shared.report.ladder import ladder_record
    from twotrack.shared.report.ladder_page import write_page
    from twotrack.shared.report.ladder_text import ladder_text
    from twotrack.shared.report.pages import require_page

    if report:
        require_page(report, "--report")
    results = climb(request, None if tracks == options.ALL else options.parse_tracks(tracks))
    record = ladder_record(request, results)
    page = write_page(record, report, side) if report else None
    _tell(record, lambda: ladder_text(request, results, side), page, json)
    return _exit_code(results, strict)


def _tell(record: "LadderRecord", text: Callable[[], str], page: Path | None, json: bool) -> None:
    """Print a record as JSON, or its text; either with the page that was written."""
    from twotrack.shared.cli.console import print_json

    if json:
        print_json(record.model_dump() | ({"report": str(page)} if page else {}))
    else:
        print(text(), *([f"report: {page}"] if page else []), sep="\n")


def _with_map(request: "VerifyRequest", file: Path | None, no_map: bool) -> "VerifyRequest":
    """Return the request with the options of a weight map; UserError if they do not go together."""
    from twotrack.shared.errors import UserError

    if (file or no_map) and not request.is_pair:
        raise UserError(f"--map and --no-map are for a pair of your own; '{request.name}' is a chapter.")
    if file and no_map:
        raise UserError("--map and --no-map: give one of them.")
    return request.model_copy(update={"map_file": file, "use_map": not no_map})


def _recordings(
    subject: str,
    other: Path | None,
    recording: Path | None,
    tracks: str,
    rename: list[str],
    until: str,
    report: Path | None,
    strict: bool,
    json: bool,
) -> int:
    """Compare where one side or both are recordings; return the exit code."""
    from twotrack.shared.cli.verify_recordings import compared
    from twotrack.shared.report.ladder_page import write_page
    from twotrack.shared.report.pages import require_page
    from twotrack.shared.report.recordings import comparison_record, comparison_text

    if report:
        require_page(report, "--report")
    found = compared(subject, other, recording, tracks, rename, until)
    record = comparison_record(found, until)
    page = write_page(record, report) if report else None
    _tell(record, lambda: comparison_text(found), page, json)
    return _exit_code([one.result for one in found], strict)


def _require_run(precision: str, replicas: int) -> None:
    """Raise UserError for a recording that is to be run anew, as it holds what was done."""
    from twotrack.shared.errors import UserError

    if precision:
        raise UserError("--precision runs both sides; a recording cannot be run. Give a chapter or a pair.")
    if replicas != 1:
        raise UserError("--replicas trains both sides; a recording cannot be trained. Give a chapter or a pair.")


def _side(fix: str | None) -> "Side | None":
    """Return the side that the user wants to change; None for either."""
    from twotrack.shared.errors import UserError

    sides: dict[str | None, Side | None] = {None: None, "keras": "keras", "torch": "torch"}
    if fix in sides:
        return sides[fix]
    raise UserError(f"--fix: name the side that you want to change, keras or torch, not '{fix}'.")


def _exit_code(results: "Sequence[TrackResult]", strict: bool) -> int:
    """Return 1 for a failure, 3 for a pass with exceptions where these count, else 0."""
    if not all(result.passed for result in results):
        return 1
    return 3 if strict and any(result.certificate.gaps for result in results) else 0


def climb(request: "VerifyRequest", tracks: Sequence[str] | None) -> "list[TrackResult]":
    """Check the request, then climb the ladder while showing what every track is doing."""
    from twotrack.shared.cli.console import track_phases
    from twotrack.shared.verify import ladder

    ladder.check(request, tracks)
    with track_phases() as show:
        return ladder.verify(request, tracks, show, options.lent_pool())


def _settings(subject: str, settings: list[str] | None, weights: str | None) -> dict[str, str]:
    from twotrack.shared.errors import UserError

    if ":" not in subject:
        return options.chapter_settings(subject, settings, weights)
    if settings:
        raise UserError(f"--set changes a chapter; '{subject}' is a pair of your own: change its file.")
    return {}


def _own(subject: str, weights: str | None, inputs: Path | None) -> dict[str, Any]:
    """Return the files to compare a pair on in place of its own; UserError for inputs of a chapter."""
    from twotrack.shared.errors import UserError

    if ":" not in subject:
        if inputs:
            raise UserError(f"--inputs: the chapter '{subject}' has its own data; inputs are for a pair of your own.")
        return {}
    files = {"": ordinary.named(weights).absolute()} if weights else {}
    return {"weights": files, "inputs": inputs and ordinary.named(inputs).absolute()}
