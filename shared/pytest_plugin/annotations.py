"""What GitHub Actions shows beside a line of a file."""

import os
import sys
from pathlib import Path

import pytest

_IN_TEXT = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTY = (*_IN_TEXT, (":", "%3A"), (",", "%2C"))


def command(file: str, line: str, message: str) -> str:
    """Return the workflow command that shows an error beside a line."""
    return f"::error file={_escaped(file, _IN_PROPERTY)},line={line},title=twotrack::{_escaped(message, _IN_TEXT)}"


def _escaped(text: str, marks: tuple[tuple[str, str], ...]) -> str:
    for mark, code in marks:
        text = text.replace(mark, code)
    return text


def place(item: pytest.Item) -> tuple[str, str]:
    """Return the test's file, as the repository has it, and the line in it from which this was called."""
    path, line = item.path, (item.location[1] or 0) + 1
    frame = sys._getframe(1)
    while frame.f_back and Path(frame.f_code.co_filename) != path:
        frame = frame.f_back
    line = frame.f_lineno if Path(frame.f_code.co_filename) == path else line
    root = Path(os.environ.get("GITHUB_WORKSPACE") or item.config.rootpath)
    return str(path.relative_to(root) if path.is_relative_to(root) else path), str(line)
