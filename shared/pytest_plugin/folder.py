"""The folder that a failed test leaves."""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from twotrack.shared.assertion.checking import RECORDING
from twotrack.shared.errors import UserError
from twotrack.shared.recordings.folder import is_recording
from twotrack.shared.report.ladder import LadderRecord
from twotrack.shared.report.ladder_page import page_text
from twotrack.shared.report.pages import write_folder

LONGEST = 80
"""Characters of a name, without what makes it unique."""
FILES = ("report.html", "verdict.json")


def folder_of(root: Path, test: str, number: int) -> Path:
    """Return the folder below `root` for the comparison of that number in a test, whatever the test's id holds.

    The name has letters, digits, dots and dashes only, does not begin with a dot, and differs from every other's.
    """
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", test).strip(".-")[-LONGEST:].strip(".-")
    digest = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return root / "-".join(filter(None, (readable, digest, str(number) if number > 1 else "")))


def write(folder: Path, record: LadderRecord, recordings: Sequence[Path] = ()) -> Path:
    """Write a page, the verdict and recordings into a new folder, in the place of an earlier one.

    Raises UserError if that cannot be.
    """
    remove(folder)
    contents = (page_text(record), json.dumps(record.model_dump(), indent=2) + "\n")
    return write_folder(folder, dict(zip(FILES, contents, strict=True)), recordings)


def remove(folder: Path) -> None:
    """Remove what an earlier run of the test has left there, if it has; UserError for a folder that holds more."""
    if not folder.exists():
        return
    inside = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else [folder.name]
    others = [name for name in inside if not _is_left(folder / name) or folder.is_symlink()]
    if others:
        raise UserError(
            f"--twotrack-report: expected what an earlier run has left in '{folder}', found {', '.join(others[:4])}; "
            "move that, or name another folder."
        )
    shutil.rmtree(folder)


def _is_left(path: Path) -> bool:
    """Tell whether it is what a failed test leaves."""
    return path.name in FILES or (path.name.startswith(RECORDING) and is_recording(path))
