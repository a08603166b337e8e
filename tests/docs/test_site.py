"""The built site in a browser: a lesson begins within the first screen, and no page is wider than its window."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.lessons import DOCS, LESSONS
from tests.support.chromium import Chromium
from twotrack.shared.ledger.ledger import LEDGER

pytestmark = pytest.mark.lengthy

FIRST_SCREEN = """
JSON.stringify(Object.fromEntries(Object.entries({
  sentence: "article .start p", picture: "article .start svg.picture", command: "article .start .highlight",
}).map(([name, selector]) => [name, document.querySelector(selector)?.getBoundingClientRect().bottom ?? null])))
"""
WIDTH = "document.documentElement.scrollWidth"
UNSET = 'document.querySelectorAll(".arithmatex:not(:has(.katex))").length'
BROKEN = r"""
JSON.stringify([...document.querySelectorAll("article table :is(td, th)")].flatMap(cell => {
  const broken = [], texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[A-Za-z]{2,}/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
    if (tops.size > 1) broken.push(word[0]);
  }
  return broken;
}))
"""
"""Words of tables that go on in another line."""
SHOWN_CARDS = '[...document.querySelectorAll("table.ledger tbody tr")].filter(one => one.offsetHeight).length'
SEARCH = "document.querySelector('#__search').click(); document.querySelector('.md-search__input').focus()"
FOUND = 'document.querySelectorAll(".md-search-result__item").length'
PAGES = sorted(str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md"))


@dataclass(frozen=True)
class Looked:
    """What there is of a lesson's page on a wide screen."""

    ends: dict[str, float | None]
    """Of what is to be within the first screen, pixels from the top."""
    unset: int
    """Equations that stand as they were written."""
    complaints: list[str]


@pytest.fixture(scope="module")
def lessons(site: Path, chromium: Chromium) -> dict[str, Looked]:
    looked = {}
    for lesson in LESSONS:
        chromium.open(site / "chapters" / f"{lesson}.html", width=1400, height=900)
        ends = json.loads(chromium.evaluate(FIRST_SCREEN))
        looked[lesson] = Looked(ends, chromium.evaluate(UNSET), chromium.complaints())
    return looked


def test_every_lesson_begins_within_the_first_screen(lessons: dict[str, Looked]) -> None:
    for lesson, looked in lessons.items():
        assert all(end is not None and 0 < end <= 900 for end in looked.ends.values()), (lesson, looked.ends)


def test_every_equation_is_set_without_a_network(lessons: dict[str, Looked]) -> None:
    assert {lesson: looked for lesson, looked in lessons.items() if (looked.unset, looked.complaints) != (0, [])} == {}


def test_no_page_is_wider_than_a_phone_and_no_table_breaks_words(site: Path, chromium: Chromium) -> None:
    wide, broken = {}, {}
    for page in PAGES:
        chromium.open(site / page, width=390, height=844)
        wide[page], broken[page] = chromium.evaluate(WIDTH), json.loads(chromium.evaluate(BROKEN))
    assert {page: width for page, width in wide.items() if width > 390} == {}
    assert {page: words for page, words in broken.items() if words} == {}


@pytest.mark.parametrize("width", [1400, 390])
def test_the_ledger_is_cards_that_words_and_areas_filter(site: Path, chromium: Chromium, width: int) -> None:
    entries = len(LEDGER)
    chromium.open(site / "reference" / "differences.html", width=width, height=844)
    assert chromium.evaluate(SHOWN_CARDS) == entries

    chromium.evaluate("document.querySelector('.ledger-filter input').focus()")
    chromium.ask("Input.insertText", text="adam EPSILON")
    found = chromium.evaluate(SHOWN_CARDS)
    assert 0 < found < entries / 4
    assert chromium.evaluate("document.querySelector('.ledger-filter output').textContent") == f"{found} of {entries}"

    chromium.evaluate(
        "document.querySelector('.ledger-filter select').value = 'Replicas';"
        "document.querySelector('.ledger-filter select').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert chromium.evaluate(SHOWN_CARDS) == 0
    assert (chromium.evaluate(WIDTH), chromium.complaints()) == (width, [])


def test_words_lead_to_the_glossary(site: Path) -> None:
    page = (site / "chapters" / "neuron.html").read_text()
    assert '<a class="word" href="../glossary.html#logit"' in page
    assert 'id="logit"' in (site / "glossary.html").read_text()


@pytest.mark.parametrize("width", [1400, 390])
def test_the_search_finds_in_a_page_that_is_opened_as_a_file(site: Path, chromium: Chromium, width: int) -> None:
    chromium.open(site / "index.html", width=width, height=900)
    chromium.evaluate(SEARCH)
    chromium.ask("Input.insertText", text="forget gate")
    chromium.ask("Input.dispatchKeyEvent", type="keyUp", key="e")
    until = time.monotonic() + 60
    while not (found := chromium.evaluate(FOUND)) and time.monotonic() < until:
        time.sleep(0.2)
    assert found > 0
