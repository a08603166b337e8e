"""Every command line of README and docs can be typed as it stands."""

from collections.abc import Iterator

import pytest
import typer.main

from tests.docs.blocks import blocks, words
from twotrack.shared.cli import app

COMMANDS = typer.main.get_command(app).commands
PLACEHOLDERS = {"[OPTIONS]", "COMMAND", "CHAPTER"}


def typed() -> Iterator:
    """Yield every line that begins with twotrack, once."""
    seen = set()
    for block in blocks():
        for line in block.commands:
            if line.startswith("twotrack ") and not PLACEHOLDERS & set(line.split()) and line not in seen:
                seen.add(line)
                yield pytest.param(line, id=f"{block.name} {line}"[:100])


@pytest.mark.parametrize("line", typed())
def test_a_command_has_such_options(line: str) -> None:
    _, name, *rest = words(line.partition("|")[0])
    assert name in COMMANDS
    COMMANDS[name].make_context(name, rest, resilient_parsing=False)
