"""Lets the processes of a program of the tests import the tests' own tasks."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def let_children_import_tests() -> None:
    """From here on every process that this one starts finds `tests` in this tree."""
    os.environ["PYTHONPATH"] = str(ROOT)
