"""The command line `twotrack`: one file per command, each thin over the packages beside it."""

import os
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, TextIO

import typer

from twotrack.shared.base import system
from twotrack.shared.cli import (
    ablate,
    atlas,
    benchmark,
    check_export,
    compare,
    convert,
    data,
    differences,
    doctor,
    exercise,
    experiment,
    export,
    formats,
    latency,
    listing,
    logs,
    match,
    new_tests,
    options,
    predict,
    record,
    report,
    request,
    run,
    runs,
    screen,
    serve,
    sweep,
    verify,
    words,
)
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.spec import quiet

if TYPE_CHECKING:
    from twotrack.shared.workers.pool import WorkerPool

app = typer.Typer(
    name="twotrack",
    cls=words.Group,
    help="Every model of a deep-learning chapter in Keras 3 and in PyTorch, on the same data, compared.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("list")(listing.list_chapters)
app.command("doctor")(doctor.doctor)
app.command("data")(data.data)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("verify")(verify.verify)
app.command("record")(record.record)
app.command("logs")(logs.logs)
app.command("match")(match.match)
app.command("atlas")(atlas.atlas)
app.command("differences")(differences.differences)
app.command("sweep")(sweep.sweep)
app.command("ablate")(ablate.ablate)
app.command("experiment")(experiment.experiment)
app.command("exercise")(exercise.exercise)
app.command("convert")(convert.convert)
app.command("new-tests")(new_tests.new_tests)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("check-export")(check_export.check_export)
app.command("formats")(formats.formats)
app.command("latency")(latency.latency)
app.command("benchmark")(benchmark.benchmark)
app.command("runs")(runs.runs)
app.command("report")(report.report)
app.command("request")(request.request)
app.command("serve")(serve.serve)


def main(pool: "WorkerPool | None" = None) -> None:
    """Run the command line, on the workers of `pool` if one is lent, else on its own.

    Exit code 2: the user can put it right; 1: a worker failed; 130: Ctrl-C.
    """
    screen.hold_descriptors()
    quiet.keep()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves every block, so workers are stopped
    with screen.escaping():
        sys.exit(_answered(pool))


def _answered(pool: "WorkerPool | None") -> str | int | None:
    """Run the command line and return its exit code; every error is printed here."""
    try:
        with warnings.catch_warnings(), options.lending(pool):
            warnings.showwarning = _show_warning
            _require_current_folder()
            try:
                app()
            finally:
                sys.stdout.flush()
    except SystemExit as end:
        return end.code
    except (UserError, WorkerDiedError) as error:
        return _failed(str(error), 2 if isinstance(error, UserError) else 1)
    except (OSError, MemoryError) as error:
        screen.let_go_of_output()
        return 1 if isinstance(error, BrokenPipeError) else _failed(system.said(error), 1)
    except Exception:  # a fault of ours: whoever reports it needs the trace
        traceback.print_exc()
        return 1
    return 0


def _require_current_folder() -> None:
    """Raise UserError unless there is one, of a name that records can hold."""
    try:
        os.getcwd().encode()
    except FileNotFoundError as error:
        raise UserError("the current folder is gone; change to another one and run the command again.") from error
    except UnicodeEncodeError as error:
        raise UserError(f"the current folder: expected a name in UTF-8, found {os.getcwd()!r}; rename it.") from error


def _failed(message: str, code: int) -> int:
    from twotrack.shared.cli.console import print_error

    print_error(message)
    return code


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning; what prints in colour is imported for the first one only, as a command starts sooner without."""
    from twotrack.shared.cli.console import show_warning

    show_warning(message, category, filename, lineno, line)
