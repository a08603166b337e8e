"""The blocks of README and docs, for tests: where each stands, what it is, and the command lines in it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

from tests.docs.lessons import DOCS, ROOT

FENCED = re.compile(r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (?P<word>[\w ]+): (?P<reason>[^\n]+) -->\s*\Z")
FILE = re.compile(r"`([\w./]+\.(?:py|toml|csv))`[^\n`]*:\s*\Z")
PROGRAMS = {"twotrack", "make", "pip", "python", "python3.11", "source", "apt-get", "gunzip", "KERAS_BACKEND"}
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    info: str
    code: str
    file: str
    """The name under which the text in front of it, or its title, tells to save it; empty for none."""
    mark: str
    """Of the comment in front of it, the word; empty for none."""
    reason: str

    @property
    def language(self) -> str:
        """The first word of its info, without braces."""
        return re.sub(r"[{}.]", " ", self.info).split()[0] if self.info.strip(" {}.") else ""

    @property
    def is_included(self) -> bool:
        """A file of the repository, read when the pages are built."""
        return "--8<--" in self.code

    @property
    def commands(self) -> list[str]:
        """Command lines, without what follows `#`."""
        lines = self.code.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            return [line[2:] for line in lines if line.startswith("$ ")]
        bare = self.language in ("", "bash", "console") and lines and lines[0].split("=")[0].split(" ")[0] in PROGRAMS
        return [line for line in lines if line.strip()] if bare else []

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Command lines with what is printed behind each."""
        parts = re.split(r"^\$ ", self.code, flags=re.MULTILINE)[1:]
        return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]

    @property
    def name(self) -> str:
        """For a test."""
        return f"{self.page}:{self.line}"


@cache
def blocks() -> tuple[Block, ...]:
    """Return all blocks, page by page."""
    return tuple(block for page in PAGES for block in _of(page))


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCED.finditer(text):
        before = text[: found.start()]
        mark, file = MARK.search(before), FILE.search(before)
        title = re.search(r'title="([^"]+)"', found["info"])
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=before.count("\n") + 1,
            info=found["info"],
            code=dedent(found["code"]),
            file=title[1] if title else file[1] if file else "",
            mark=mark["word"] if mark else "",
            reason=mark["reason"] if mark else "",
        )


def words(command: str) -> list[str]:
    """Return a command line as a shell would take it apart."""
    return shlex.split(command, comments=True)
