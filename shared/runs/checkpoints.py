"""Checkpoints: what a training leaves behind some of its epochs, each a run folder of one that was stopped there.

They appear whole or not at all, one by one, beside the run folder to be, and move into it when it appears: those of a
training that was killed stay beside where it would be.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from twotrack.shared.errors import UserError

INSIDE = "checkpoints"
_NAME = re.compile(r"epoch_(\d{4,})")


def beside(run: Path) -> Path:
    """Return where the checkpoints of a run are until its folder is there."""
    return run.with_name(f"{run.name}.{INSIDE}")


def place(run: Path, epoch: int) -> Path:
    """Return where the checkpoint behind an epoch goes, counted from 1."""
    return beside(run) / f"epoch_{epoch:04d}"


def begin(run: Path) -> None:
    """Remove what an earlier training of this name has left."""
    shutil.rmtree(beside(run), ignore_errors=True)


def keep_only(checkpoint: Path) -> None:
    """Remove all checkpoints of a run but one, which is whole."""
    for other in _found(checkpoint.parent).values():
        if other != checkpoint:
            shutil.rmtree(other, ignore_errors=True)


def move_into(run: Path) -> None:
    """Give a run that is finished its checkpoints; OSError if it cannot be."""
    with suppress(FileNotFoundError):
        os.replace(beside(run), run / INSIDE)


def find(run: Path, epoch: int) -> Path:
    """Return the checkpoint behind an epoch; UserError if there is none."""
    found = _found(beside(run)) | _found(run / INSIDE)
    if epoch in found:
        return found[epoch]
    has = f"those of the epochs {', '.join(map(str, sorted(found)))}" if found else "none"
    raise UserError(
        f"--at: '{run}' has no checkpoint of epoch {epoch}, it has {has}; a training leaves them with "
        "--set checkpoint=EPOCHS."
    )


def _found(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder by their epoch."""
    names = {path: _NAME.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ())}
    return {int(name[1]): path for path, name in names.items() if name}
