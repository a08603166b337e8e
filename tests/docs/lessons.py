"""The pages of docs/chapters, for tests: which there are, and what stands in their blocks."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LESSONS = sorted(page.stem for page in (DOCS / "chapters").glob("*.md"))
TITLED = re.compile(r'^```\{\.python title="(\w+)\.py"\}\n(.*?)^```', re.MULTILINE | re.DOTALL)


class Exercise(NamedTuple):
    """One exercise of a page."""

    title: str
    body: str


def text_of(lesson: str) -> str:
    return (DOCS / "chapters" / f"{lesson}.md").read_text()


def files_of(lesson: str) -> dict[str, str]:
    """Return the modules that a page shows, by name, for a reader to write."""
    return dict(TITLED.findall(text_of(lesson)))


def headings(lesson: str) -> list[str]:
    return re.findall(r"^## (.+)$", text_of(lesson), re.MULTILINE)


def exercises(lesson: str) -> list[Exercise]:
    body = text_of(lesson).split("\n## Exercises\n", 1)[1].split("\n## ", 1)[0]
    parts = re.split(r"^\d+\. \*\*(.+?)\*\*", body, flags=re.MULTILINE)[1:]
    return [Exercise(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


def write(files: dict[str, str], folder: Path) -> None:
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
