"""Help and list answer at once: no framework is imported, nor NumPy. tests/benchmarks/start.py has the seconds."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import in_process, python

SLOW = {"torch", "tensorflow", "keras", "jax", "transformers", "tensorflow_datasets", "numpy", "matplotlib"}
COMMANDS = ["list", "doctor", "data", "run", "compare", "runs", "report"]
LOADED_MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from twotrack.shared.cli import main
main()
"""
QUICK = [["--help"], ["list"], ["list", "--json"], ["compare", "--help"], ["run", "--help"]]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_no_framework_and_nothing_heavy_is_imported(tmp_path: Path, arguments: list[str]):
    done = python(LOADED_MODULES, *arguments, folder=tmp_path)

    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "twotrack.shared.cli" in loaded
    assert loaded & SLOW == set()


def test_help_lists_every_command(tmp_path: Path):
    shown = in_process("--help", folder=tmp_path).stdout

    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(tmp_path: Path, command: str):
    shown = in_process(command, "--help", folder=tmp_path).stdout

    assert "--json" in shown
    assert "Usage: twotrack" in shown
