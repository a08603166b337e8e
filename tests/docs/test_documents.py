"""Every command line of README and docs can be typed, page by page, in a folder that has what the pages name."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import blocks, words
from tests.docs.lessons import ROOT
from tests.docs.walking import Plan, When, codes, furnish, missing, plan, repeated, run, shown_behind, write_files
from tests.support.command_line import in_process
from tests.support.once import made_once
from twotrack.shared.workers.pool import WorkerPool

WITH_COMMANDS = sorted(
    {block.page for block in blocks() if any(line.startswith("twotrack ") for line in block.commands)}
)
REPEATED = repeated()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, workers: WorkerPool) -> Path:
    """Two short runs and a comparison."""

    def make(folder: Path) -> None:
        for chapter in ("mnist_cnn", "churn_mlp"):
            words = ("run", chapter, "--track", "torch", "--examples", "128")
            in_process(*words, folder=folder, workers=workers)
        in_process("compare", "mnist_cnn", "--tracks", "torch", "--examples", "128", folder=folder, workers=workers)

    return made_once(tmp_path_factory, "documents", make) / "runs"


def failures(page: str, when: When, folder: Path, workers: WorkerPool) -> dict[str, str]:
    """Run what a page's lines are planned for; return by the line why one fails, or what it does not print."""
    failed = {}
    for block in [block for block in blocks() if block.page == page]:
        for line in [line for line in block.commands if line.startswith("twotrack ")]:
            todo, shown = plan(line, block), shown_behind(block, line)
            is_cut = todo.words != words(line)
            if when is When.SLOW and is_cut and shown:
                todo, is_cut = Plan(words(line), When.SLOW), False  # now what is printed is compared too
            if todo.when is not when or (when is When.ALWAYS and (page, line) in REPEATED):
                continue
            done = run(todo, folder, workers)
            if done.code not in codes(line, shown):
                failed[line] = done.stderr[-400:]
            elif lines := [] if is_cut else missing(shown, done, folder):
                failed[line] = f"not printed: {lines}\n--- printed: {(done.stdout + done.stderr)[:1500]}"
    return failed


@pytest.mark.parametrize(
    ("page", "when"),
    [*((page, When.ALWAYS) for page in WITH_COMMANDS),
     *(pytest.param(page, When.SLOW, marks=pytest.mark.slow) for page in WITH_COMMANDS)],
)  # fmt: skip
def test_the_commands_of_a_page_run(page: str, when: When, runs: Path, workers: WorkerPool, tmp_path: Path) -> None:
    furnish(page, tmp_path, runs)
    write_files(page, tmp_path)
    failed = failures(page, when, tmp_path, workers)
    assert failed == {}, "\n".join(f"{line}\n    {why}" for line, why in failed.items())


def of_other_programs(program: str) -> list[list[str]]:
    """Return the words of the lines that begin with a program, each line once."""
    lines = {line for block in blocks() for line in block.commands if line.split()[0] == program}
    return [words(line) for line in sorted(lines)]


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([\w.]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {line[1] for line in of_other_programs("make")}
    assert asked
    assert asked <= targets


def test_every_extra_that_pip_is_asked_for_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {
        name for line in of_other_programs("pip") for name in re.findall(r"[\w]+", re.findall(r"\[(.*)\]", line[-1])[0])
    }
    assert asked
    assert asked <= set(extras)


def test_every_module_that_python_is_told_to_run_is_there() -> None:
    asked = {line[2] for line in of_other_programs("python") if line[1] == "-m"}
    assert asked
    assert [name for name in asked if find_spec(name) is None] == []


def test_a_block_is_of_a_language_that_a_test_knows() -> None:
    """What is in none of these is run by nothing."""
    assert {block.language for block in blocks()} <= {"", "console", "python", "text", "toml", "csv", "diff"}


def test_every_mark_says_why_and_is_one_that_is_read() -> None:
    marked = [block for block in blocks() if block.mark]
    assert marked
    assert {block.mark for block in marked} <= {"slow", "not run"}
