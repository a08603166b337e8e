"""Every chapter has a page that shows both tracks' real source files side by side."""

import re
from pathlib import Path

import pytest

from twotrack.shared.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]
NAVIGATION = (ROOT / "mkdocs.yml").read_text()


def page(slug: str) -> str:
    return (ROOT / "docs/chapters" / f"{slug}.md").read_text()


@pytest.mark.parametrize("slug", CHAPTERS)
def test_a_page_shows_files_of_both_tracks_that_exist(slug: str) -> None:
    shown = re.findall(r'^--8<-- "([^"]+)"$', page(slug), re.MULTILINE)

    assert {path.partition("/")[0] for path in shown} == {"keras_track", "torch_track", "shared"}
    assert [path for path in shown if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("slug", CHAPTERS)
def test_no_marker_is_written_so_that_it_would_be_shown_as_text(slug: str) -> None:
    """Formatters of code blocks have put blanks into it."""
    assert re.findall(r"^--8(?!<-- \").*$", page(slug), re.MULTILINE) == []


@pytest.mark.parametrize("slug", CHAPTERS)
def test_a_page_is_in_the_navigation_and_names_its_command(slug: str) -> None:
    assert f"chapters/{slug}.md" in NAVIGATION
    assert f"twotrack compare {slug}" in page(slug)
    assert "TO-FILL" not in page(slug)
