"""What is foreign cannot command the terminal; what the system refuses is one message."""

import ast
import errno
import io
import json
import os
import subprocess
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, in_process
from tests.support.runs import make_run
from twotrack.shared.cli import console, screen
from twotrack.shared.cli.foreign import ForeignConsole
from twotrack.shared.runs import catalogue

ROOT = Path(__file__).parents[2]
HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x08\u202eevil\u2066\udcff"
SHOWN = "\\x1b]0;title\\x07\\x1b[2J\\x9b31m\\r\\x08\\u202eevil\\u2066\\udcff"


def test_control_characters_are_shown_and_lines_tabs_and_letters_stay():
    assert screen.escaped(HOSTILE) == SHOWN
    assert screen.escaped("lines\n\tand ä, 日本, 👩\u200d🔬 [bold]") == "lines\n\tand ä, 日本, 👩\u200d🔬 [bold]"


def test_what_is_printed_is_escaped_and_what_rich_draws_keeps_its_own_colours():
    with redirect_stdout(io.StringIO()) as terminal, screen.escaping():
        print(HOSTILE)
        coloured = ForeignConsole(force_terminal=True, color_system="standard", highlight=False)
        coloured.print(HOSTILE, style="red", markup=False)

    printed, drawn = terminal.getvalue().splitlines()
    assert printed == SHOWN
    assert drawn == f"\x1b[31m{SHOWN}\x1b[0m"


def test_a_folder_with_a_hostile_name_is_listed_without_obeying_it(tmp_path: Path):
    folder = tmp_path / "\x1b[31mred"
    folder.mkdir()
    (folder / "record.json").write_text("{}")

    listed = in_process("runs", str(folder), folder=tmp_path)
    refused = in_process("runs", "\x1b[2Jnone", folder=tmp_path, check=False)

    assert "\x1b" not in listed.stdout + refused.stderr
    assert "\\x1b[31mred" in listed.stdout
    assert "\\x1b[2Jnone" in refused.error_line


def test_no_name_of_a_folder_passes_for_a_line_or_ends_a_list(tmp_path: Path):
    for name in (b"first\nno problem", b"second\xff"):
        make_run(tmp_path / "made").folder.rename(tmp_path / os.fsdecode(name))
    listed = in_process("runs", ".", folder=tmp_path)
    in_process("runs", ".", "--csv", "list.csv", folder=tmp_path)

    assert "first\\nno problem" in listed.stdout
    assert listed.stdout.strip().splitlines()[-1] == "2 runs"
    assert "second\\udcff" in (tmp_path / "list.csv").read_text()


def test_no_command_draws_with_a_console_of_its_own():
    """rich's own writes control characters of foreign text as they are."""
    for file in (ROOT / "shared/cli").glob("*.py"):
        if file.name == "foreign.py":
            continue
        imported = [
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "rich.console"
            for alias in node.names
        ]
        assert "Console" not in imported, file.name


def test_json_has_no_numbers_that_are_not_finite():
    with redirect_stdout(io.StringIO()) as printed:
        console.print_json({"a": [float("nan"), float("inf"), 1.5], "b": (2, {"c": -float("inf")})})

    assert json.loads(printed.getvalue(), parse_constant=pytest.fail) == {"a": [None, None, 1.5], "b": [2, {"c": None}]}


@pytest.mark.parametrize("command", [("list", "--json"), ("runs", "."), ("--help",)])
def test_a_full_standard_output_is_one_message(tmp_path: Path, command: tuple[str, ...]):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, *command], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    expected = "error: no space left on device; make room there and run the command again.\n"
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "too many open files; raise the limit with 'ulimit -n'"),
        (PermissionError(errno.EACCES, "Permission denied", "/x\x1b"), "'/x\\x1b': permission denied; put that right"),
        (MemoryError(), "the memory ran out; end other programs, or ask for less,"),
    ],
)
def test_what_the_system_refuses_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
):
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(catalogue, "find", refuse)
    done = in_process("runs", folder=tmp_path, check=False)

    assert (done.code, done.error_line) == (1, f"error: {expected} and run the command again.")


@pytest.mark.parametrize("command", ["run", "compare", "ablate"])
def test_a_name_that_is_too_long_is_one_message(command: str, tmp_path: Path):
    done = in_process(command, "neuron", "--out", "a" * 300, folder=tmp_path, check=False)

    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert done.error_line.endswith("is longer than a name may be; choose a shorter one with --out.")


def test_another_exception_is_shown_whole_and_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("\x1b[2J")

    monkeypatch.setattr(catalogue, "find", fail)
    done = in_process("runs", folder=tmp_path, check=False)

    assert done.code == 1
    assert "ZeroDivisionError: \\x1b[2J" in done.stderr
