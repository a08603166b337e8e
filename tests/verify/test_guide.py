"""The guide's three files, taken from the page itself, lead to the verdicts that the page shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/verify-your-pair.md").read_text()
FIRST_FIX = (
    'layers.Conv2D(16, 3, strides=2, padding="same"',
    'layers.ZeroPadding2D(1, name="pad"),\n            layers.Conv2D(16, 3, strides=2',
)
SECOND_FIX = ("layers.LayerNormalization(name", "layers.LayerNormalization(epsilon=1e-5, name")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", GUIDE, re.DOTALL):
        (tmp_path / name).write_text(code)
    return tmp_path


def verify(folder: Path) -> tuple[int, dict]:
    code = "from twotrack.shared.cli import main; main()"
    command = [sys.executable, "-c", code, "verify", "my_pair:PAIR", "--tracks", "keras:tensorflow", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["tracks"][0]


def test_the_guide_leads_from_two_files_over_two_findings_to_a_pass(folder: Path) -> None:
    model = folder / "my_keras.py"
    expected = [(1, "'same' padding with stride", "conv"), (1, "LayerNorm epsilon", "norm")]
    for (code, cause, layer), (old, new) in zip(expected, (FIRST_FIX, SECOND_FIX), strict=True):
        found_code, track = verify(folder)
        assert (found_code, track["causes"][0]["name"], track["rungs"][-1]["where"]) == (code, cause, layer)
        assert track["causes"][0]["fix"] in GUIDE
        model.write_text(model.read_text().replace(old, new))
    found_code, track = verify(folder)
    assert (found_code, track["passed"]) == (0, True)
