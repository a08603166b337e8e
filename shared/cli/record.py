"""twotrack record."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.recordings.folder import OpenedRecording


def record(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="MODULE:NAME", help="A pair, or a function of your own that builds a model."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to write; it must not exist yet.")] = None,
    track: Annotated[str, typer.Option(help=f"The side to record: {options.TRACK_LIST}.")] = "torch",
    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]SIZES[:KIND]",
            help="What a model that is no pair takes, without the batch: 28,28,1, or once for each of several inputs "
            "ids=128:tokens:30522 and mask=128:mask.",
        ),
    ] = None,
    loss: Annotated[str, typer.Option(help="The loss of a model that is no pair.")] = "mean_squared_error",
    batch_size: Annotated[int, typer.Option(help="The batch of a model that is no pair.", min=1)] = 8,
    precision: Annotated[str, typer.Option(help="float64, which hides nothing, or float32.")] = "float64",
    standalone: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the recorder, one Python file without twotrack, for another environment; no more.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Record what one side computes, for a comparison elsewhere: weights, every layer's values, gradients, steps.

    `twotrack verify DIR DIR` compares two recordings, and needs no framework; `twotrack verify MODULE:PAIR --recording
    DIR` compares a side that runs here with one.
    """
    if standalone:
        _write_standalone(standalone)
        return
    recording = _recorded(subject, out, track, input_shape or [], loss, batch_size, precision)
    _show(recording, json)


def _recorded(
    subject: str | None,
    out: Path | None,
    track: str,
    input_shape: list[str],
    loss: str,
    batch_size: int,
    precision: str,
) -> "OpenedRecording":
    from twotrack.shared.cli.console import track_phases
    from twotrack.shared.errors import UserError
    from twotrack.shared.recordings.request import RecordRequest, read_build, read_inputs, read_loss
    from twotrack.shared.recordings.sides import record_track

    if subject is None or out is None:
        raise UserError("name what to record and where, MODULE:NAME --out DIR, or a file, --standalone FILE.")
    if precision not in ("float64", "float32"):
        raise UserError(f"--precision: expected float64 or float32, found '{precision}'.")
    inputs, chosen = read_inputs(input_shape), read_loss(loss)
    reference = read_build(subject, input_shape=inputs, loss=chosen, batch_size=batch_size)
    request = RecordRequest(subject=reference, track=track, out=out.absolute(), precision=precision)
    with track_phases() as show:
        return record_track(request, show, options.lent_pool())


def _write_standalone(file: Path) -> None:
    from twotrack.shared.base import atomic
    from twotrack.shared.errors import UserError
    from twotrack.shared.recordings import standalone

    if file.exists():
        raise UserError(f"'{file}' is there already; name a file that does not exist yet.")
    try:
        atomic.write(file, Path(standalone.__file__).read_bytes())
    except OSError as error:
        raise UserError(f"cannot write '{file}': {(error.strerror or str(error)).lower()}.") from error
    print(f"{file}: needs Python 3.7, NumPy and the framework of the model; its first lines say how to use it")


def _show(recording: "OpenedRecording", json: bool) -> None:
    from twotrack.shared.cli.console import print_json

    manifest = recording.manifest
    size = sum(file.bytes for file in manifest.files.values())
    held = {
        "weights": len(manifest.weights),
        "calls": len(manifest.calls),
        "outputs": len(manifest.outputs),
        "gradients": len(manifest.steps[0].gradients) if manifest.steps else 0,
        "steps": len(manifest.steps),
    }
    if json:
        print_json({"out": str(recording.folder), "side": manifest.side, "bytes": size, "held": held})
        return
    told = ", ".join(f"{count:,} {what}" for what, count in held.items() if count)
    print(f"{recording.folder}: {manifest.side}, {manifest.precision}, {size / 1e6:,.1f} MB: {told}")
