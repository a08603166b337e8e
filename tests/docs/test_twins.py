"""The short models of the lessons, taken from the pages, train alike on every backend; the two trainings end alike.

As far as their outputs, tests/docs/test_documents.py compares them by the command of the page.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.lessons import LESSONS, files_of, text_of, write
from tests.support.ladders import SharedLadder
from tests.support.turns import BACKENDS
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.request import VerifyRequest

TWINS = [lesson for lesson in LESSONS if lesson not in {"frameworks", "practice"}]


@pytest.mark.slow
@pytest.mark.parametrize("track", BACKENDS)
@pytest.mark.parametrize("lesson", TWINS)
def test_the_two_models_of_a_page_are_one(lesson: str, track: str, ladder: SharedLadder, tmp_path: Path) -> None:
    write(files_of(lesson), tmp_path)
    name = f"{lesson}_pair:PAIR"
    pair = user_pair.named(name, (tmp_path,))
    request = VerifyRequest(name=name, pair=pair, until="training", causes="none")

    (result,) = ladder.climb(request, lambda *_: None, [track])

    assert result.passed, [rung for rung in result.rungs if rung.status != "pass"]


def test_the_two_trainings_print_what_the_page_shows_and_the_same(tmp_path: Path) -> None:
    write(files_of("frameworks"), tmp_path)
    shown = dict(re.findall(r"^\$ python (training_\w+)\.py\n(.+)$", text_of("frameworks"), re.MULTILINE))
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    printed = {
        name: subprocess.run([sys.executable, f"{name}.py"], cwd=tmp_path, env=environment, capture_output=True,
                             text=True, check=True).stdout.strip()
        for name in shown
    }  # fmt: skip

    assert printed == shown
    assert len(set(printed.values())) == 1
