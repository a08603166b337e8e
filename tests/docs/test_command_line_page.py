"""docs/reference/cli.md and the command line tell of the same commands and options."""

import re
from pathlib import Path

import pytest
import typer.main

from docs import command_line
from twotrack.shared.cli import app

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text()
COMMANDS = typer.main.get_command(app).commands


def section(command: str) -> str:
    """Return the part of the page below the command's heading."""
    return PAGE.split(f"\n## twotrack {command}\n", 1)[1].split("\n## ", 1)[0]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(re.findall(r"^## twotrack ([\w-]+)$", PAGE, re.MULTILINE)) == set(COMMANDS)


def test_the_tables_of_options_are_those_that_the_command_writes() -> None:
    """`python -m docs.command_line` after a change of an option."""
    assert command_line.written(PAGE) == PAGE


def test_a_changed_table_is_written_anew() -> None:
    """A default that is wrong, an option that is gone, one that is missing."""
    row = next(line for line in PAGE.splitlines() if line.startswith("| `--recipe"))
    other = row.replace("`fast`", "`slow`", 1)
    gone = "| `--gone <int>` | | gone |"
    assert command_line.written(PAGE.replace(row, f"{other}\n{gone}", 1)) == PAGE
    assert "`--recipe <str>`" in command_line.written(PAGE.replace(f"{row}\n", ""))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_says_what_it_does(command: str) -> None:
    assert len(COMMANDS[command].help.strip()) > 20
