"""What an HTML page loads and shows, for tests of the report."""

import re
from html.parser import HTMLParser
from pathlib import Path

LOADING = {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}
LINKED = re.compile(r"""url\(\s*['"]?([^'")]*)|@import\s+['"]?([^'";]+)""")


class Page(HTMLParser):
    """Collects what a browser would fetch, the text that it shows and the pictures."""

    def __init__(self, path: Path):
        super().__init__()
        self.fetched: list[str] = []
        self.pictures: list[str] = []
        self.tags: list[str] = []
        self._words: list[str] = []
        self.feed(path.read_text())
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in LOADING and value:
                self.fetched.append(value)
            self._styles(value or "") if name == "style" else None
            if tag == "img" and name == "src":
                self.pictures.append(value or "")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style":
            self._styles(data)
        else:
            self._words.append(data)

    def _styles(self, css: str) -> None:
        self.fetched += [first or second for first, second in LINKED.findall(css)]

    @property
    def from_elsewhere(self) -> list[str]:
        """What is fetched and is neither inside the page nor a data URI."""
        return [address for address in self.fetched if not address.startswith(("data:", "#"))]
