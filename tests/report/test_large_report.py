"""A report of 20 seeds on four tracks: small, and good to look at, narrow and wide, light and dark, on paper."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.report.test_ladder import FAILED, PASSED, record
from tests.support.chromium import Chromium
from tests.support.pages import Page
from tests.support.runs import make_comparison
from twotrack.shared.report import tables
from twotrack.shared.report.runs_page import find_runs, write_report
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.track import TRACKS

pytestmark = pytest.mark.lengthy
SEEDS, EPOCHS, STEPS = 20, 10, 400
CONTENTS = 'JSON.stringify([...document.querySelectorAll("nav.contents a")].map(one => one.hash.slice(1)))'
HEADINGS = 'JSON.stringify([...document.querySelectorAll("h2")].map(one => one.id))'
APART = """
(([plot, table]) => table.getBoundingClientRect().top - plot.getBoundingClientRect().top)(
  document.querySelector(".pair").children)
"""
"""By how many pixels the table of the result begins below its plot."""


@dataclass(frozen=True)
class Report:
    runs: list[Run]
    path: Path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("large")
    make_comparison(folder, "churn_mlp", list(TRACKS), SEEDS, EPOCHS, STEPS)
    runs = find_runs([folder])
    path = write_report(runs, folder / "report.html", [], {}, record(PASSED, FAILED, name="churn_mlp"))
    return Report(runs, path)


def test_it_is_below_five_megabytes(report: Report):
    assert report.path.stat().st_size < 5e6


def test_every_figure_has_a_title_and_words(report: Report):
    drawn = re.findall(r"<svg.*?</svg>", report.path.read_text(), re.DOTALL)

    assert len(drawn) == 3 + 1 + 1 + 1 + 3 + 1  # curves, two differences, layers, costs, calibration
    for svg in drawn:
        title, words = re.search(r'role="img"><title>(.+?)</title><desc>(.+?)</desc>', svg).groups()
        assert len(title) > 5
        assert len(words) > 60


def test_names_inside_the_figures_are_not_used_for_two_things(report: Report):
    """One page, one name space: figures would borrow each other's parts."""
    by_name: dict[str, set[str]] = {}
    for name, content in re.findall(r'id="([^"]+)"(.*?)/>', report.path.read_text(), re.DOTALL):
        by_name.setdefault(name, set()).add(content)

    assert {name: len(contents) for name, contents in by_name.items() if len(contents) > 1} == {}


def test_the_words_of_the_difference_are_those_of_the_predictions(report: Report):
    by_track = tables.tracks_of(report.runs)
    one, other = ([run.record.test["roc_auc"] for run in by_track[track]] for track in ("torch", "keras:jax"))
    gaps = np.subtract(one, other)

    text = Page(report.path).text
    assert f"torch minus keras:jax {gaps.mean():+.4g}, interval" in text
    assert f"seeds {gaps.mean():+.4g} ({gaps.min():+.4g} to {gaps.max():+.4g})" in text


def test_costs_are_those_of_the_records(report: Report):
    seconds = [run.record.epoch_seconds for run in report.runs if run.record.job.track == "keras:jax"]

    shown = f"{np.mean(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
    assert f"keras:jax {shown}" in Page(report.path).text


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_sticks_out_and_nothing_complains(report: Report, browser: Chromium, width: int, scheme: str):
    browser.open(report.path, width, scheme)

    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.too_wide() == []
    assert browser.complaints() == []


@pytest.mark.parametrize(("width", "highest"), [(390, 13_000), (1400, 8_000)])
def test_long_lists_are_folded(report: Report, browser: Chromium, width: int, highest: int):
    """With every list open, four tracks of 5 seeds were 31,824 high on a phone and 15,240 in a wide window."""
    browser.open(report.path, width)

    assert browser.evaluate("document.documentElement.scrollHeight") < highest


@pytest.mark.parametrize("width", [390, 1400])
def test_the_contents_stay_in_view_and_lead_to_every_part(report: Report, browser: Chromium, width: int):
    browser.open(report.path, width)
    links = json.loads(browser.evaluate(CONTENTS))
    browser.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")

    assert links == json.loads(browser.evaluate(HEADINGS))
    assert 0 <= browser.evaluate("document.querySelector('nav.contents').getBoundingClientRect().top") < 10


def test_plot_and_table_stand_side_by_side_in_a_wide_window_and_below_each_other_on_a_phone(
    report: Report, browser: Chromium
):
    apart = {}
    for width in (390, 1400):
        browser.open(report.path, width)
        apart[width] = browser.evaluate(APART)

    assert apart[390] > 100
    assert apart[1400] == 0


def brightness_of(browser: Chromium, what: str) -> int:
    """Return red + green + blue of a colour of the page."""
    return sum(map(int, re.findall(r"\d+", browser.evaluate(f"getComputedStyle(document.body).{what}"))[:3]))


def test_light_and_dark_have_their_colours(report: Report, browser: Chromium):
    brightness = {}
    for scheme in ("light", "dark"):
        browser.open(report.path, 1280, scheme)
        ground, ink = (
            browser.evaluate(f"getComputedStyle(document.body).{what}") for what in ("backgroundColor", "color")
        )
        brightness[scheme] = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]

    assert brightness["light"][0] - brightness["light"][1] > 450
    assert brightness["dark"][1] - brightness["dark"][0] > 450


def test_on_paper_everything_fits_and_is_dark_on_white(report: Report, browser: Chromium):
    browser.open(report.path, 680, "dark", media="print")  # A4 between its margins

    assert browser.too_wide() == []
    assert brightness_of(browser, "color") < 200
    pages = len(re.findall(rb"/Type\s*/Page\b", browser.pdf()))
    assert 5 < pages < 40


def test_the_check_finds_what_sticks_out(browser: Chromium, tmp_path: Path):
    page = tmp_path / "wide.html"
    page.write_text("<!doctype html><p style='width: 500px'>wide</p><script>console.error('oh'); boom()</script>")

    browser.open(page, 390)

    assert [one.split(":")[0] for one in browser.too_wide()] == ["P.null"]
    assert len(browser.complaints()) == 2
