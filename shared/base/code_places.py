"""A place in source code as a reader finds it."""

import os
from pathlib import Path

_INSTALLED = "/site-packages/"
_STANDARD = f"{Path(os.__file__).parent}/"


def is_pythons(file: str) -> bool:
    """Tell whether code is of Python's own library, or of no file."""
    return file.startswith("<") or (file.startswith(_STANDARD) and _INSTALLED not in file)


def place_in_code(file: str, line: int) -> str:
    """Return "file:line": below the installed packages, or below the current folder, without that part of the path."""
    if _INSTALLED in file:
        return f"{file.rpartition(_INSTALLED)[2]}:{line}"
    path, here = Path(file), Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
