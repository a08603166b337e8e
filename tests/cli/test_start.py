"""Help and list answer at once: no framework is imported, nor NumPy."""

import json
import time
from pathlib import Path

import pytest

from tests.support.command_line import in_process, python, twotrack

SLOW = {"torch", "tensorflow", "keras", "jax", "transformers", "tensorflow_datasets", "numpy", "matplotlib"}
COMMANDS = ["list", "doctor", "data", "run", "compare", "runs", "report"]
LOADED_MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from shared.cli import main
main()
"""
QUICK = [["--help"], ["list"], ["list", "--json"], ["compare", "--help"], ["run", "--help"]]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_no_framework_and_nothing_heavy_is_imported(tmp_path: Path, arguments: list[str]):
    done = python(LOADED_MODULES, *arguments, folder=tmp_path)

    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "shared.cli" in loaded
    assert loaded & SLOW == set()


@pytest.mark.parametrize("arguments", QUICK[:2], ids=" ".join)
def test_the_answer_comes_within_half_a_second(tmp_path: Path, arguments: list[str]):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        twotrack(*arguments, folder=tmp_path)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.5, seconds


def test_help_lists_every_command(tmp_path: Path):
    shown = in_process("--help", folder=tmp_path).stdout

    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(tmp_path: Path, command: str):
    shown = in_process(command, "--help", folder=tmp_path).stdout

    assert "--json" in shown
    assert "Usage: twotrack" in shown
