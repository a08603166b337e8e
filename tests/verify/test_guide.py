"""The guide's three files, taken from the page itself, lead to the verdicts that the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import in_process
from tests.support.turns import quickest_alone
from twotrack.shared.workers.pool import WorkerPool

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/verify-your-pair.md").read_text()
(CHANGES,) = re.findall(r"```diff\n(.*?)```", GUIDE, re.DOTALL)
CORRECTIONS = re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", CHANGES, re.MULTILINE)
"""Lines of the page, each with its mark, and those in their place."""
PORTING = (ROOT / "docs/guides/porting.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", GUIDE, re.DOTALL):
        (tmp_path / name).write_text(code)
    return tmp_path


@pytest.fixture
def corrected(folder: Path) -> Path:
    """Return the folder with both of the page's corrections made."""
    model = folder / "my_keras.py"
    for marked in CORRECTIONS:
        old, new = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in marked)
        assert old in model.read_text()
        model.write_text(model.read_text().replace(old, new))
    assert len(CORRECTIONS) == 2
    return folder


def renamed(folder: Path) -> str:
    """Give the modules names that no worker has met; return the pair's."""
    for file in list(folder.glob("my_*.py")):
        file.with_name(file.name.replace("my_", "corrected_")).write_text(file.read_text().replace("my_", "corrected_"))
    return "corrected_pair"


def verify(folder: Path, module: str, track: str, workers: WorkerPool, *options: str) -> tuple[int, dict]:
    words = ("verify", f"{module}:PAIR", "--tracks", track, "--json", *options)
    done = in_process(*words, folder=folder, check=False, workers=workers)
    assert done.stdout, done.stderr
    return done.code, done.json()["tracks"][0]


@pytest.mark.parametrize("on", quickest_alone())
def test_one_run_proves_both_causes_with_the_lines_of_the_guide(folder: Path, on: str, workers: WorkerPool) -> None:
    code, track = verify(folder, "my_pair", on, workers, "--until", "forward")  # the next test climbs farther
    found = [(cause["status"], cause["entry"], cause["where"]) for cause in track["causes"]]
    assert found == [("proved", "'same' padding with stride", "conv"), ("proved", "LayerNorm epsilon", "norm")]
    assert (code, track["rungs"][-1]["where"], track["left"]) == (1, "conv", "")
    for cause in track["causes"]:
        for told in ("what", "torch_fix", "keras_fix"):
            assert cause[told] in GUIDE


@pytest.mark.parametrize("on", quickest_alone())
def test_with_both_corrections_made_every_rung_passes(corrected: Path, on: str, workers: WorkerPool) -> None:
    code, track = verify(corrected, renamed(corrected), on, workers)
    assert (code, track["passed"]) == (0, True)


def test_the_script_of_the_porting_guide_moves_the_weights(corrected: Path) -> None:
    (script,) = re.findall(r"`move_weights.py` beside them:\n\n```python\n(.*?)```", PORTING, re.DOTALL)
    (corrected / "move_weights.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    command = [sys.executable, "move_weights.py"]
    done = subprocess.run(command, cwd=corrected, env=environment, capture_output=True, text=True, check=False)
    said = re.fullmatch(r"8 weights, outputs differ by at most (\S+)", done.stdout.strip().splitlines()[-1])
    assert said, done.stderr
    assert float(said[1]) < 1e-5
    assert (corrected / "ported.keras").exists()
