"""Exercises are those of the pages; what the pages answer is right, and a mistake gets the hint that it needs.

The models of the pages are handed in by tests/docs/test_documents.py, with the commands beside them.
"""

import re
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.docs.lessons import LESSONS, exercises, text_of
from tests.support.command_line import in_process
from twotrack.shared.exercises import EXERCISES
from twotrack.shared.exercises.marking import mark
from twotrack.shared.exercises.spec import Model, Number
from twotrack.shared.workers.pool import WorkerPool

OF_PAGES = [(lesson, number, one.answer) for lesson in EXERCISES for number, one in enumerate(EXERCISES[lesson], 1)]
NUMBERS = [(lesson, number, answer) for lesson, number, answer in OF_PAGES if isinstance(answer, Number)]
SOLUTION = re.compile(r'^ +```\{\.python title="(?P<name>\w+)\.py"\}\n(?P<code>.*?)^ +```', re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r"[-\u2212]?\d[\d,]*(?:\.\d+)?")
TRAINED = re.compile(r"ROC AUC")
TRAINED_BY_DEFAULT = {("neuron", 3)}
"""Of those that train, one; the others take seconds each."""


def written(lesson: str, number: int) -> list[float]:
    """Return every number of the answer on the page."""
    answer = exercises(lesson)[number - 1].body.split('??? success "Answer"', 1)[1]
    return [float(text.replace(",", "").replace("\u2212", "-")) for text in WRITTEN.findall(answer)]


def solution(lesson: str, number: int) -> str:
    found = {one["name"]: dedent(one["code"]) for one in SOLUTION.finditer(text_of(lesson))}
    return found[f"{lesson}_{number}"]


def handed_in(folder: Path, name: str, code: str) -> Path:
    """Write an answer; each needs a name that no worker has met."""
    (file := folder / f"{name}.py").write_text(code)
    return file


def numbers() -> list:
    marks = [
        pytest.mark.slow if TRAINED.search(answer.what) and (lesson, number) not in TRAINED_BY_DEFAULT else ()
        for lesson, number, answer in NUMBERS
    ]
    return [pytest.param(*one[:2], marks=mark) for one, mark in zip(NUMBERS, marks, strict=True)]


def test_every_page_has_the_exercises_of_the_table() -> None:
    assert set(EXERCISES) == set(LESSONS)
    for lesson in LESSONS:
        assert [one.title for one in exercises(lesson)] == [one.title for one in EXERCISES[lesson]], lesson


@pytest.mark.parametrize("lesson", EXERCISES)
def test_every_lesson_asks_for_a_model_in_each_framework(lesson: str) -> None:
    asked = [one.answer.write for one in EXERCISES[lesson] if isinstance(one.answer, Model)]
    assert sorted(asked) == ["keras", "torch"]


@pytest.mark.parametrize(("lesson", "number"), numbers())
def test_the_page_answers_with_the_number_that_is_measured(lesson: str, number: int, workers: WorkerPool) -> None:
    marks = [mark(lesson, number, answer, workers) for answer in dict.fromkeys(written(lesson, number))]
    assert any(one.right for one in marks), marks


@pytest.mark.parametrize(
    ("lesson", "number", "answer", "hint"),
    [
        ("neuron", 1, 0.6931, "the loss before the step"),
        ("convolution", 1, 109, "what it is without padding"),
        ("mnist_cnn", 3, 105_744, "the count without biases"),
        ("churn_rnn", 2, 4_480, "the layer alone"),
        ("cross_entropy", 3, 1.461, "the bound for ten classes"),
        ("sequences", 2, 40_000, "too large, by 9% of what was measured"),
    ],
)
def test_a_number_that_is_another_one_is_told_which(
    lesson: str, number: int, answer: float, hint: str, workers: WorkerPool
) -> None:
    found = mark(lesson, number, answer, workers)
    assert not found.right
    assert hint in found.said


@pytest.mark.parametrize(
    ("lesson", "number", "changes", "hints"),
    [
        ("mnist_cnn", 7, {"stride=2": "stride=2, padding=1", "functional.pad(x, (0, 1, 0, 1))": "x"},
         ("'conv'", "Keras pads 0 in front and 1 behind, torch 1 in front", "yours is the side in PyTorch")),
        ("mnist_cnn", 8, {"epsilon=1e-5, ": ""}, ("'norm'", "epsilon is 0.001 in Keras", "yours is the side in Keras")),
        ("churn_rnn", 4, {".requires_grad_(False)": ""}, ("'rnn.bias_hh_l0'", "Keras has one")),
        ("backprop", 7, {"(1 - a**2)": "(1 - a)"}, ("rung gradients", "hidden")),
        ("convolution", 5, {", ceil_mode=True": ""}, ("'pool'", "a window that is not whole at the end counts")),
        ("cross_entropy", 5, {" / 2": ""}, ("the output is 2 times as large in Keras",)),
    ],
)  # fmt: skip
def test_a_wrong_model_is_told_where_and_in_what_it_differs(
    lesson: str, number: int, changes: dict[str, str], hints: tuple[str, ...], workers: WorkerPool, tmp_path: Path
) -> None:
    code = solution(lesson, number)
    for right, wrong in changes.items():
        assert right in code
        code = code.replace(right, wrong)
    found = mark(lesson, number, handed_in(tmp_path, f"wrong_{lesson}_{number}", code), workers)
    assert not found.right
    assert [hint for hint in hints if hint not in found.said] == []
    assert "''" not in found.said


def test_the_command_lists_and_judges(tmp_path: Path, workers: WorkerPool) -> None:
    listed = in_process("exercise", "convolution", "--json", folder=tmp_path).json()
    right = in_process("exercise", "convolution", "1", "--check", "112", folder=tmp_path, workers=workers)
    wrong = in_process("exercise", "convolution", "1", "--check", "109", "--json", folder=tmp_path, check=False)

    assert [one["title"] for one in listed] == [one.title for one in exercises("convolution")]
    assert (right.code, right.stdout) == (0, "right: measured 112.\n")
    assert (wrong.code, wrong.json()["right"]) == (1, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("neuro",), "unknown chapter 'neuro': did you mean 'neuron'?"),
        (("neuron", "8"), "'neuron' has exercises 1 to 7, found 8"),
        (("neuron", "--check", "3"), "expected the number of an exercise"),
        (("neuron", "5", "--check", "3"), "for you to judge"),
        (("neuron", "1", "--check", "much"), "expected a number: the loss after the step"),
        (("neuron", "1", "--check", "nan"), "expected a number: the loss after the step"),
        (("neuron", "6", "--check", "12"), "expected a file with build() in PyTorch"),
        (("neuron", "6", "--check", "none.py"), "which is no Python file"),
        (("neuron", "6", "--check", "empty.py"), "expected 'build' in"),
    ],
)
def test_what_cannot_be_judged_is_one_message(
    words: tuple[str, ...], message: str, tmp_path: Path, workers: WorkerPool
) -> None:
    (tmp_path / "empty.py").write_text("")
    done = in_process("exercise", *words, folder=tmp_path, workers=workers, check=False)
    assert done.code == 2
    assert message in done.error_line


def test_the_files_beside_an_answer_are_not_imported(tmp_path: Path, workers: WorkerPool) -> None:
    """Nor is the answer by this process."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported')")
    (tmp_path / "alone.py").write_text(f"import os\nimported_by = os.getpid()\n{solution('neuron', 7)}")
    done = in_process("exercise", "neuron", "7", "--check", "alone.py", folder=tmp_path, workers=workers)
    assert done.stdout.startswith("right")
    assert "alone" not in sys.modules
