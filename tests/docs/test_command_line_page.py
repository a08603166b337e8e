"""docs/reference/cli.md and the command line tell of the same commands and options."""

import re
from pathlib import Path

import pytest
import typer.main

from twotrack.shared.cli import app

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text()
COMMANDS = typer.main.get_command(app).commands


def section(command: str) -> str:
    """Return the part of the page below the command's heading."""
    return PAGE.split(f"\n## twotrack {command}\n", 1)[1].split("\n## ", 1)[0]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(re.findall(r"^## twotrack ([\w-]+)$", PAGE, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_on_the_page_and_none_that_is_not_there(command: str) -> None:
    options = {name for one in COMMANDS[command].params for name in one.opts if name.startswith("--")}
    documented = set(re.findall(r"^\| `(--[\w-]+)", section(command), re.MULTILINE))
    assert documented == options


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_says_what_it_does(command: str) -> None:
    assert len(COMMANDS[command].help.strip()) > 20
