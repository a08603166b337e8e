"""What the guide to any two sides shows runs as it says."""

import re
from pathlib import Path

import pytest

from tests.support.ladders import SharedLadder
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.request import VerifyRequest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "any-two-sides.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (code,) = re.findall(r"`my_refactoring.py`:\n\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "my_refactoring.py").write_text(code)
    return tmp_path


def test_the_refactoring_is_the_same_model(ladder: SharedLadder, folder: Path) -> None:
    pair = user_pair.named("my_refactoring:PAIR", (folder,))
    request = VerifyRequest(name="my_refactoring:PAIR", until="forward", pair=pair)
    (result,) = ladder.climb(request, lambda *_: None)
    assert (result.track, result.words.reference, result.passed) == ("torch (after)", "torch (before)", True)
