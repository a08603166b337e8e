"""What mkdocs does to every page beyond Markdown: words link to the glossary, figures follow the page's theme."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

DOCS = Path(__file__).parents[1]
GLOSSARY = "glossary.md"
ENTRY = re.compile(r"^### (?P<words>.+)\n\n(?P<meaning>.+)$", re.MULTILINE)
"""A heading of one word, or of several that mean the same, and its first paragraph."""
FIGURE = re.compile(r'<img alt="([^"]*)" src="([^":]*figures/[^"]+\.svg)"\s*/?>')
UNLINKED = frozenset(("a", "code", "pre", "h1", "h2", "h3", "h4", "script", "summary", "svg", "th", "label"))
VOID = frozenset(("img", "br", "hr", "input", "wbr", "meta", "link", "col"))
LEDGER = "<table>\n<thead>\n<tr>\n<th>difference</th>"
"""How a table of `twotrack differences --markdown` begins; its rows are shown as cards (extra.css)."""
CELL = re.compile(r"(?<=>)[^<>]+(?=(?:<br\s*/?>[^<>]*)*</td>)")
PATH = re.compile(r"(?<=\w)([/_])(?=\w)")
"""Where a path or a long name in a table may go on in another line."""
INLINE_CODE = re.compile(r"<code>[^<]+</code>")
OPTION = re.compile(r"(?<![\w-])--[\w-]+")
"""Of a command; a browser would break the line behind its hyphens."""
INK = "#808890"
"""Letters and axes of a figure's file, which stands alone on white or on black (shared/report/figures.py)."""


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Return a page's HTML with its figures inside it, and links to the glossary."""
    folder = (DOCS / page.file.src_uri).parent
    html = FIGURE.sub(lambda image: inline(folder / image[2], image[1]), html)
    html = CELL.sub(lambda cell: PATH.sub(r"\1<wbr>", cell[0]), html)
    html = INLINE_CODE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)
    html = html.replace(LEDGER, LEDGER.replace("<table>", '<table class="ledger">'))
    if page.file.src_uri == GLOSSARY:
        return html
    return linked(html, glossary(), get_relative_url("glossary.html", page.file.dest_uri))


def inline(figure: Path, alt: str) -> str:
    """Return a figure as an element of the page, in whose colours its letters and axes are drawn."""
    if not figure.is_file():
        raise PluginError(f"expected a figure at {figure}, found none; `make pictures` draws those of the chapters")
    svg = figure.read_text()
    svg = svg[svg.index("<svg") :].replace(INK, "var(--md-default-fg-color--light)")
    opening, inside = svg.split(">", 1)
    width = re.search(r' width="([\d.]+)pt"', opening)
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    style = f' style="max-width: {width[1]}pt"' if width else ""
    return f'{opening}{style} class="picture" role="img" aria-label="{alt}" data-search-exclude>{inside}'


@cache
def glossary() -> Mapping[str, tuple[str, str]]:
    """Return by each word its anchor and what it means; one with a capital is another word without it."""
    found = {}
    for entry in ENTRY.finditer((DOCS / GLOSSARY).read_text()):
        anchor = re.sub(r"[^a-z0-9]+", "-", entry["words"].lower()).strip("-")
        meaning = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", entry["meaning"]).replace("`", "").replace("*", "")
        found |= {word.strip(): (anchor, meaning) for word in entry["words"].split(",")}
    return found


def linked(html: str, meanings: Mapping[str, tuple[str, str]], address: str) -> str:
    """Return HTML in which each word of the glossary, where it first comes in prose, leads to its entry."""
    longest_first = "|".join(
        re.escape(word) if word != word.lower() else f"(?i:{re.escape(word)})"
        for word in sorted(meanings, key=len, reverse=True)
    )
    pattern = re.compile(rf"(?<![\w-])({longest_first})(s?)(?![\w/-]|\.\w)")  # not inside of a path
    seen: set[str] = set()

    def link(found: re.Match[str]) -> str:
        anchor, meaning = meanings.get(found[1]) or meanings[found[1].lower()]
        if anchor in seen:
            return found[0]
        seen.add(anchor)
        return f'<a class="word" href="{address}#{anchor}" title="{escape(meaning)}">{found[0]}</a>'

    prose = Prose(lambda text: pattern.sub(link, text))
    prose.feed(html)
    prose.close()
    return "".join(prose.pieces)


class Prose(HTMLParser):
    """Copies HTML, with the text outside of links, code, headings and equations changed."""

    def __init__(self, change: Callable[[str], str]):
        super().__init__(convert_charrefs=False)
        self.pieces: list[str] = []
        self._change, self._depth = change, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count how deep inside of something unlinked the text is."""
        apart = tag in UNLINKED or "arithmatex" in (dict(attrs).get("class") or "")
        if (self._depth or apart) and tag not in VOID:
            self._depth += 1
        self.pieces.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy what has no inside."""
        self.pieces.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Come out again."""
        self._depth -= bool(self._depth)
        self.pieces.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Change prose, copy the rest."""
        self.pieces.append(data if self._depth else self._change(data))

    def handle_entityref(self, name: str) -> None:
        """Copy."""
        self.pieces.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Copy."""
        self.pieces.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Copy."""
        self.pieces.append(f"<!--{data}-->")
