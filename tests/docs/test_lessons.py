"""Every page of a chapter has the form of a lesson, and what it shows can be pasted."""

import ast
import re
from pathlib import Path
from textwrap import dedent
from typing import get_args

import pytest

from docs.pictures.__main__ import PICTURES
from tests.docs.lessons import DOCS, LESSONS, ROOT, exercises, files_of, headings, text_of
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.evaluation.statistics.verdict import Kind
from twotrack.shared.experiments import EXPERIMENTS

FORM = ("The equation", "The model, twice", "Run it, see the result", "What goes wrong, and how it looks", "Exercises",
        "Summary", "Words")  # fmt: skip
"""In this order; pages about frameworks have no equation and one training in the place of one model."""
MOST_LINES = 15
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCED = re.compile(r"^(?P<indent> *)```(?:\{\.)?python\b[^\n]*\n(.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)

BY_PATTERN = re.compile(r"twotrack (?:(?:predict|export|latency) |run .*--(?:from|warm-start) )runs/\S*\*.*")


@pytest.mark.parametrize("slug", CHAPTERS)
def test_a_chapter_has_the_parts_of_a_lesson_in_their_order(slug: str) -> None:
    assert [heading for heading in headings(slug) if heading in FORM] == list(FORM)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_exercise_has_a_folded_answer(lesson: str) -> None:
    found = exercises(lesson)
    assert len(found) >= 3
    for exercise in found:
        _, mark, answer = exercise.body.partition('\n    ??? success "Answer"\n')
        assert mark, exercise.title
        assert re.search(r"^ {8}\S", answer, re.MULTILINE), exercise.title


@pytest.mark.parametrize("lesson", LESSONS)
def test_both_models_have_few_lines(lesson: str) -> None:
    for name, code in files_of(lesson).items():
        assert len([line for line in code.splitlines() if line.strip()]) <= MOST_LINES, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_shown_as_python_can_be_pasted(page: Path) -> None:
    """A part of a list that a formatter closes with a comma behind it is a tuple, and pasted into a list an error."""
    for _, code in FENCED.findall(page.read_text()):
        if "--8<--" in code:
            continue
        for statement in ast.parse(dedent(code)).body:
            alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Tuple)
            assert not alone or len(statement.value.elts) > 1, ast.unparse(statement)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_figure_names_the_command_that_made_it(lesson: str) -> None:
    measured = {name for names in EXPERIMENTS.values() for name in names}
    for figure in re.findall(r"\(figures/([\w-]+)\.svg\)", text_of(lesson)):
        assert figure in PICTURES or figure.partition("-")[0] in measured
        if figure in PICTURES:
            assert f"python -m docs.pictures {figure}`" in text_of(lesson)


def test_every_picture_that_can_be_drawn_is_shown_and_lies_there() -> None:
    shown = {name for page in PAGES for name in re.findall(r"figures/(\w+)\.svg", page.read_text())}
    assert set(PICTURES) <= shown
    assert [name for name in PICTURES if not (DOCS / "chapters/figures" / f"{name}.svg").is_file()] == []


@pytest.mark.parametrize("page", ["guides/first-comparison.md", "reference/report.md"])
def test_what_is_said_of_the_verdict_names_every_verdict_there_is(page: str) -> None:
    text = (DOCS / page).read_text()
    assert [kind for kind in get_args(Kind) if kind not in text] == []
    assert "Not shown" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_takes_one_run_by_a_pattern_that_may_match_two(page: Path) -> None:
    """A shell makes several arguments of it; latest:CHAPTER is one."""
    assert BY_PATTERN.findall(page.read_text()) == []
