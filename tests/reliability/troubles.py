"""What a system may do to a command: full streams, few descriptors, folders that are closed, or go while it works."""

import os
import resource
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import modes

OWN = ("cache", "tmp")
"""Folders of a try that are no results."""
FEW = 64
"""Descriptors."""


def nothing(_: Path) -> None:
    """Leave a folder as it is."""


@dataclass(frozen=True)
class Trouble:
    """One of them."""

    name: str
    before: Callable[[Path], None] = nothing
    """Done to the folder in which the command works."""
    in_child: Callable[[], None] = modes.count_for_the_child
    stdout: str = ""
    """A device in the place of standard output."""
    strike: Callable[[Path], None] | None = None
    """Done to the folder at a moment while the command works."""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Changes of it; None for what is not set. `{place}` is the folder."""
    leaves: bool = False
    """What is unfinished cannot be removed."""

    def environment_in(self, place: Path, usual: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the command."""
        changed = {**usual, **self.environment}
        return {name: value.format(place=place) for name, value in changed.items() if value is not None}


def few_descriptors() -> None:
    """Leave this process, and those it starts, a few."""
    modes.count_for_the_child()
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def close() -> None:
    """Let nobody into the folder in which the process is: what is in it can be neither read nor listed."""
    modes.count_for_the_child()
    os.chmod(".", 0)


def close_inputs(place: Path) -> None:
    """Let nobody read what the command is given."""
    for path in place.iterdir():
        if path.name not in OWN:
            path.chmod(0)


def write_protect(place: Path) -> None:
    """Let nobody write to the folder, nor to any in it but those of its own."""
    for folder, names, _ in os.walk(place):
        if Path(folder) == place:
            names[:] = [name for name in names if name not in OWN]
        os.chmod(folder, 0o555)


def open_again(place: Path) -> None:
    """Undo what was done to modes."""
    place.chmod(0o755)
    for folder, names, files in os.walk(place):
        for name in (*names, *files):
            with suppress(FileNotFoundError):
                os.chmod(os.path.join(folder, name), 0o755)


def remove_results(place: Path) -> None:
    """Remove what is new in the folder."""
    for path in new_in(place):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def closed_home(place: Path) -> None:
    """Make a home folder that nobody can use."""
    (place / "tmp/home").mkdir()
    (place / "tmp/home").chmod(0)


def empty_variables() -> dict[str, str | None]:
    """Return every variable of the environment that libraries and twotrack look at, empty."""
    names = ("HOME", "XDG_CACHE_HOME", "TMPDIR", "TWOTRACK_PATIENCE", "KERAS_BACKEND", "PYTHONPATH", "OMP_NUM_THREADS")
    return dict.fromkeys((*names, "LANG", "LC_ALL", "TERM", "COLUMNS", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS"), "")


def new_in(place: Path) -> list[Path]:
    """Return what the command has made so far, links not followed."""
    marked = (place / "tmp/began").read_text().splitlines()
    return [path for path in place.iterdir() if path.name not in marked]


def mark(place: Path) -> None:
    """Remember what is there before the command starts."""
    (place / "tmp/began").write_text("\n".join(path.name for path in place.iterdir()))


TROUBLES = {
    one.name: one
    for one in (
        Trouble("full output", stdout="/dev/full"),
        Trouble("few descriptors", in_child=few_descriptors),
        Trouble("closed folder", in_child=close),
        Trouble("closed inputs", before=close_inputs),
        Trouble("protected folder", before=write_protect),
        Trouble("results removed", strike=remove_results),
        Trouble("protected at work", strike=write_protect, leaves=True),
        Trouble("no temporary folder", environment={"TMPDIR": "{place}/absent"}),
        Trouble("closed home", before=closed_home, environment={"HOME": "{place}/tmp/home", "XDG_CACHE_HOME": None}),
        Trouble("no home", environment={"HOME": None, "XDG_CACHE_HOME": None}),
        Trouble("empty variables", environment=empty_variables()),
    )
}
"""By name."""
