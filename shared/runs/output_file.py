"""A file that a user names to be written: what can be refused before the work, and its name when it is complete."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError
from twotrack.shared.runs.run_folder import unwritable


def require_extension(path: Path, extensions: Sequence[str], option: str) -> None:
    """Raise UserError unless a file, named by an option, is of a kind that is known."""
    if not path.name.endswith(tuple(extensions)):
        raise UserError(f"{option}: expected a name that ends in {' or '.join(extensions)}, found '{path}'.")


def require_output(out: Path, extensions: Sequence[str]) -> None:
    """Raise UserError unless `--out` names a file of these kinds that can be written, in a folder that exists."""
    require_extension(out, extensions, "--out")
    if not out.parent.is_dir():
        raise UserError(f"--out: the folder '{out.parent}' does not exist; create it or choose another one.")
    try:
        is_folder = out.is_dir()
        atomic.require_room(out)
    except OSError as error:
        raise unwritable(out.parent, error) from error
    if is_folder:
        raise UserError(f"--out: '{out}' is a folder; expected the name of a file.")


def require_new(out: Path) -> None:
    """Raise UserError unless `--out` names nothing yet, but could, in a folder that exists."""
    if not out.parent.is_dir():
        raise UserError(f"--out: '{out.parent}' is no folder; make it first, or choose another one.")
    try:
        is_taken = os.path.lexists(out)
        atomic.require_room(out)
    except OSError as error:
        raise unwritable(out.parent, error) from error
    if is_taken:
        raise UserError(f"--out: '{out}' is there already, and nothing is replaced; choose another name.")


@contextmanager
def output(out: Path) -> Iterator[Path]:
    """Yield where to write a file, in a folder of its own beside it; it gets its name when the block ends well.

    Raises UserError if nothing can be written there.
    """
    try:
        folder = tempfile.TemporaryDirectory(atomic.SUFFIX, f".{out.name}.", out.parent)
    except OSError as error:
        raise unwritable(out.parent, error) from error
    with folder as name:
        partial = Path(name, out.name)
        yield partial
        try:
            atomic.publish(partial, out)
        except OSError as error:
            raise unwritable(out.parent, error) from error
