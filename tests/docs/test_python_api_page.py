"""docs/reference/python-api.md names what is public, and its files do what it shows."""

import re
import sys
from pathlib import Path

import pytest

import twotrack
from tests.support.command_line import run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/python-api.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ (python [^\n]+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in re.findall(r"`(\w+\.py)`[^\n]*:\n\n```python\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(code)
    return tmp_path


def test_the_page_names_every_public_name_and_no_other() -> None:
    table = PAGE.split("\n## ", 1)[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    described = set(re.findall(r"`(Comparison)` is", table))
    assert named | described | {"__version__"} == set(twotrack.__all__)


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_shows(folder: Path, command: str, shown: str) -> None:
    words = [sys.executable if word == "python" else word for word in command.split()]
    done = run(words, folder, True, {})
    for line in shown.replace("...", "").split("\n"):
        assert line in done.stdout
