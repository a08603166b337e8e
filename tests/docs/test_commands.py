"""Every command line of README and docs can be typed as it stands."""

import re

import pytest
import typer.main

from tests.docs.blocks import blocks, words
from twotrack.shared.cli import app

COMMANDS = typer.main.get_command(app).commands
PLACEHOLDERS = {"[OPTIONS]", "COMMAND", "CHAPTER"}


SHELL = re.compile(r" [|>] ")
"""Behind it a shell's words follow."""


def typed() -> list:
    """Return every line that begins with twotrack and names a command, once."""
    seen, found = set(), []
    for block in blocks():
        for line in block.commands:
            if (
                line.startswith("twotrack ")
                and not line.startswith("twotrack --")
                and not PLACEHOLDERS & set(line.split())
                and line not in seen
            ):
                seen.add(line)
                found.append(pytest.param(line, id=f"{block.name} {line}"[:100]))
    return found


@pytest.mark.parametrize("line", typed())
def test_a_command_has_such_options(line: str) -> None:
    _, name, *rest = words(SHELL.split(line)[0])
    assert name in COMMANDS
    COMMANDS[name].make_context(name, rest, resilient_parsing=False)
