"""The playground in a browser, opened as a file: both tracks' models answer there what their runs said."""

import hashlib
import json
import math
import time
from pathlib import Path

import pytest

from tests.docs.lessons import DOCS
from tests.support.chromium import Chromium

pytestmark = pytest.mark.lengthy
MEGABYTES = 25
PATIENCE = 120
"""Seconds for what takes one on a quiet machine."""
READY = "document.querySelector('#check')?.dataset.most"
SAID = "[...document.querySelectorAll('#{game} .says b')].map(one => one.textContent)"


def opened(chromium: Chromium, site: Path, width: int) -> float:
    """Open the page; return by how much an answer differs from the run's at most."""
    chromium.open(site / "playground.html", width=width, height=900)
    until = time.monotonic() + PATIENCE
    while (most := chromium.evaluate(READY)) is None and time.monotonic() < until:
        time.sleep(0.1)
    assert most is not None, chromium.complaints() or chromium.evaluate("document.querySelector('#status').textContent")
    return float(most)


def says(chromium: Chromium, game: str) -> list[str]:
    return json.loads(chromium.evaluate(f"JSON.stringify({SAID.format(game=game)})"))


def wait_for(chromium: Chromium, game: str, expected: list[str]) -> None:
    until = time.monotonic() + PATIENCE
    while says(chromium, game) != expected and time.monotonic() < until:
        time.sleep(0.1)
    assert says(chromium, game) == expected


def draw(chromium: Chromium, points: list[tuple[float, float]]) -> None:
    """Draw with the mouse through points, in shares of the pad's width."""
    chromium.evaluate("document.querySelector('.pad').scrollIntoView({block: 'center'})")
    box = "(({left, top, width}) => [left, top, width])(document.querySelector('.pad').getBoundingClientRect())"
    left, top, width = json.loads(chromium.evaluate(f"JSON.stringify({box})"))
    for number, (x, y) in enumerate(points):
        what = "mouseMoved" if number else "mousePressed"
        place = {"x": left + x * width, "y": top + y * width}
        chromium.ask("Input.dispatchMouseEvent", type=what, button="left", buttons=1, clickCount=1, **place)
    chromium.ask("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **place)


def three() -> list[tuple[float, float]]:
    """Return two arcs, one on top of the other, open to the left."""
    upper = [math.radians(angle) for angle in range(-150, 91, 10)]
    lower = [math.radians(angle) for angle in range(-90, 151, 10)]
    return [
        *((0.48 + 0.19 * math.cos(turn), 0.31 + 0.18 * math.sin(turn)) for turn in upper),
        *((0.48 + 0.22 * math.cos(turn), 0.70 + 0.21 * math.sin(turn)) for turn in lower),
    ]


@pytest.mark.parametrize("width", [1400, 390])
def test_a_drawn_three_is_a_three_on_both_tracks_and_answers_are_those_of_the_runs(
    site: Path, chromium: Chromium, width: int
) -> None:
    assert opened(chromium, site, width) < 1e-5

    chromium.evaluate("document.querySelector('#digits .clear').click()")
    draw(chromium, three())
    wait_for(chromium, "digits", ["torch: 3", "keras:tensorflow: 3"])

    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.complaints() == []


def test_a_test_image_is_answered_and_its_feature_maps_are_drawn(site: Path, chromium: Chromium) -> None:
    opened(chromium, site, 1400)
    chromium.evaluate("document.querySelectorAll('#digits .examples button')[7].click()")

    wait_for(chromium, "digits", ["torch: 7", "keras:tensorflow: 7"])
    inked = (
        "document.querySelector('#maps-{track}').getContext('2d').getImageData(0, 0, 240, 120).data.some(one => one)"
    )
    assert [chromium.evaluate(inked.format(track=track)) for track in ("torch", "keras")] == [True, True]


def test_months_and_charge_say_who_leaves(site: Path, chromium: Chromium) -> None:
    opened(chromium, site, 1400)
    move = "(([months, charge]) => {{ months.value = {months}; charge.value = {charge}; \
        charge.dispatchEvent(new Event('input')); }})(document.querySelectorAll('#customers input'))"

    chromium.evaluate(move.format(months=1, charge=115))
    wait_for(chromium, "customers", ["torch: churns", "keras:tensorflow: churns"])
    chromium.evaluate(move.format(months=70, charge=20))
    wait_for(chromium, "customers", ["torch: stays", "keras:tensorflow: stays"])


def test_the_race_shows_what_was_measured(site: Path, chromium: Chromium) -> None:
    opened(chromium, site, 1400)
    measured = json.loads((DOCS / "playground/files/race.json").read_text())
    names = list(measured["rates"])
    move = "(([one, rate]) => {{ one.value = {}; rate.value = 0; rate.dispatchEvent(new Event('input')); }})"
    chromium.evaluate(f"{move.format(names.index('lion'))}(document.querySelectorAll('#race input'))")

    said = chromium.evaluate("document.querySelector('#race .says').textContent")
    for track, losses in measured["losses"].items():
        assert f"{track} {losses['lion'][0][-1]:.4f}" in said
    assert chromium.evaluate("document.querySelectorAll('#race polyline').length") == len(names) - 1 + 2


def test_its_files_are_small_and_all_of_them_lie_beside_it(site: Path) -> None:
    loading = (site / "playground.html").read_text() + (site / "javascripts/playground.js").read_text()
    files = sorted((site / "playground").iterdir())

    assert [f'"playground/{file.name}"' in loading for file in files] == [True] * 3
    assert sum(file.stat().st_size for file in files) < MEGABYTES * 1e6


def test_what_others_wrote_is_what_the_list_beside_it_says(site: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (DOCS / "vendor/SHA256SUMS").read_text().splitlines())

    found = {
        str(path.relative_to(DOCS / "vendor")): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("onnxruntime-web", "litert")
        for path in (DOCS / "vendor" / folder).iterdir()
    }
    assert found == listed
