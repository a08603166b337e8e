"""The built site in a browser: a lesson begins within the first screen, and no page is wider than its window."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.lessons import DOCS, LESSONS, ROOT
from tests.support.chromium import Chromium

pytestmark = pytest.mark.lengthy

FIRST_SCREEN = """
JSON.stringify(Object.fromEntries(Object.entries({
  sentence: "article .start p", picture: "article .start svg.picture", command: "article .start .highlight",
}).map(([name, selector]) => [name, document.querySelector(selector)?.getBoundingClientRect().bottom ?? null])))
"""
WIDTH = "document.documentElement.scrollWidth"
UNSET = 'document.querySelectorAll(".arithmatex:not(:has(.katex))").length'
SEARCH = "document.querySelector('#__search').click(); document.querySelector('.md-search__input').focus()"
FOUND = 'document.querySelectorAll(".md-search-result__item").length'
PAGES = sorted(str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


def test_every_lesson_begins_within_the_first_screen(site: Path, chromium: Chromium) -> None:
    for lesson in LESSONS:
        chromium.open(site / "chapters" / f"{lesson}.html", width=1400, height=900)
        ends = json.loads(chromium.evaluate(FIRST_SCREEN))
        assert all(end is not None and 0 < end <= 900 for end in ends.values()), (lesson, ends)


def test_every_equation_is_set_without_a_network(site: Path, chromium: Chromium) -> None:
    for lesson in LESSONS:
        chromium.open(site / "chapters" / f"{lesson}.html", width=1400)
        assert (chromium.evaluate(UNSET), chromium.complaints()) == (0, []), lesson


def test_no_page_is_wider_than_a_phone(site: Path, chromium: Chromium) -> None:
    wide = {}
    for page in PAGES:
        chromium.open(site / page, width=390, height=844)
        wide[page] = chromium.evaluate(WIDTH)
    assert {page: width for page, width in wide.items() if width > 390} == {}


def test_words_lead_to_the_glossary(site: Path) -> None:
    page = (site / "chapters" / "neuron.html").read_text()
    assert '<a class="word" href="../glossary.html#logit"' in page
    assert 'id="logit"' in (site / "glossary.html").read_text()


@pytest.mark.parametrize("width", [1400, 390])
def test_the_search_finds_in_a_page_that_is_opened_as_a_file(site: Path, chromium: Chromium, width: int) -> None:
    chromium.open(site / "index.html", width=width, height=900)
    chromium.evaluate(
        "document.querySelector('#__search').click(); document.querySelector('.md-search__input').focus()"
    )
    chromium.ask("Input.insertText", text="forget gate")
    chromium.ask("Input.dispatchKeyEvent", type="keyUp", key="e")
    until = time.monotonic() + 60
    while not (found := chromium.evaluate(FOUND)) and time.monotonic() < until:
        time.sleep(0.2)
    assert found > 0
