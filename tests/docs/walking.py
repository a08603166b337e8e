"""Runs the blocks of a page one after the other, as a reader would type them, in a folder with what they name."""

import gzip
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path

from docs import notebooks
from tests.docs.blocks import Block, blocks, words
from tests.docs.lessons import ROOT
from tests.support.command_line import Done, in_process
from twotrack.shared.workers.pool import WorkerPool


class When(Enum):
    """When a command line is run."""

    ALWAYS = "always"
    SLOW = "slow"
    NEVER = "never"


@dataclass(frozen=True)
class Plan:
    """What becomes of a command line in a test."""

    words: Sequence[str]
    when: When
    reason: str = ""


SMALL = {
    "run": ["--examples", "128", "--epochs", "1"],
    "compare": ["--examples", "128", "--epochs", "1", "--tracks", "torch", "--seeds", "1"],
    "sweep": ["--examples", "128", "--epochs", "1", "--tracks", "torch", "--seeds", "1"],
    "verify": ["--tracks", "keras:torch", "--until", "forward", "--first"],
}
"""Options that take the place of those on the page: whether a line can be typed shows on little, and on one backend."""
WRONG = ("my_", "torch_side", "tests.conformance.planted")
"""Pairs of pages, and what is made of them, that are no one model: that is the point there."""
TORCH_ALONE = ["my_refactoring:PAIR"]
"""A pair without a Keras side."""
SMALLER = {"mnist_cnn": ["filters=4", "hidden_size=8"], "churn_lstm": ["num_layers=1"]}
"""Settings of chapters that take longer than others, where a line does not set them and begins with nothing."""
BEGUN = {"--from", "--warm-start", "--resume", "--verify"}
PRETRAINED = {"review_bert", "shop_transfer"}
SLOW = {
    "ablate": "trains a dozen times",
    "atlas": "builds published networks",
    "benchmark": "measures for minutes",
    "differences": "measures every default on two tracks",
    "experiment": "tests/experiments does every one",
    "export": "tests/export writes every format",
    "latency": "asks five runtimes",
    "logs": "reads what whole trainings left",
}
ON_ALL_BACKENDS = {"docs/guides/porting.md", "docs/guides/switching-backends.md"}
"""Guides that carry runs from backend to backend: they make their runs themselves, and take minutes."""
SLOW_PAGES = {
    **dict.fromkeys(ON_ALL_BACKENDS, "carries runs from backend to backend"),
    "docs/guides/recordings.md": "records on TensorFlow",
    "docs/guides/replicas.md": "trains on replicas",
}
OF_THE_READER = {
    "docs/reference/cli.md": "names runs and checkpoints of the reader's",
    "docs/guides/weight-maps.md": "names a checkpoint of the reader's",
}
"""Pages of which no line is run; that they have such options is tested."""
NEVER = {
    "serve": "needs TensorFlow Serving",
    "request": "needs TensorFlow Serving",
    "check-export": "needs TensorFlow Serving",
}
PLACEHOLDER = re.compile(r"^(?:\[.*|[A-Z]{3,}(?::[A-Z]+)?|.*\|.*|[A-Z])$")
"""What a reader puts something of their own for."""
DOWNLOADED = re.compile(r"tfds|google-bert/|my-bert|tickets\.csv|photos/|new/\*")
SETTABLE = {"run", "compare", "verify"}
ONCE = {"compare", "verify", "doctor", "exercise", "data"}
"""Commands on which no later line depends: what is the same once made small is run on the first page that has it."""


def plan(line: str, block: Block) -> Plan:
    """Return what becomes of a line that begins with twotrack; a mark in front of its block comes first."""
    typed = words(line)
    if block.mark:
        return Plan(typed, {"slow": When.SLOW, "not run": When.NEVER}[block.mark], block.reason)
    command, rest = typed[1], typed[2:]
    if reason := OF_THE_READER.get(block.page) or _never(line, command, typed):
        return Plan(typed, When.NEVER, reason)
    if reason := SLOW_PAGES.get(block.page) or _slow(command, rest):
        return Plan(typed, When.SLOW, reason)
    if rest[:1] == TORCH_ALONE:
        return Plan([*typed, "--until", "forward"], When.ALWAYS)
    small = [*typed, *SMALL.get(command, []), *_smaller(command, rest)]
    if is_in_notebook(line, block.page):
        return Plan(small, When.SLOW, "test_notebooks.py calls the same")
    return Plan(small, When.ALWAYS)


def _smaller(command: str, rest: Sequence[str]) -> list[str]:
    if command not in SETTABLE or BEGUN & set(rest):
        return []
    own = [setting for setting in SMALLER.get(rest[0], []) if not any(setting.split("=")[0] in word for word in rest)]
    return [word for setting in own for word in ("--set", setting)]


def is_in_notebook(line: str, page: str) -> bool:
    """Tell whether a cell of the page's notebook calls what a line commands."""
    has_flags = len(words(line)) % 2 == 0  # which no cell has
    if Path(page).parent.name != "chapters" or has_flags:
        return False
    call = notebooks.calls(line)
    return bool(call) and call in _code_of_notebook(Path(page).stem)


@cache
def _code_of_notebook(lesson: str) -> str:
    return "\n".join(cell.source for cell in notebooks.notebook(lesson).cells if cell.cell_type == "code")


def effective(line: str) -> tuple[str, ...]:
    """Return the words that count of a line that is run once: without the options that SMALL replaces."""
    typed = words(line)
    replaced = {word for word in SMALL.get(typed[1], []) if word.startswith("--")}
    kept = [word for before, word in pairwise(["", *typed]) if not {before, word} & replaced]
    return tuple(kept)


def _never(line: str, command: str, typed: Sequence[str]) -> str:
    """Return why no test runs a line; empty if one does."""
    if DOWNLOADED.search(line):
        return "needs a download, or files of the reader's"
    if "--engine" in typed:
        return "needs a cluster: tests/engines starts some"
    if "--resume" in typed:
        return "needs a comparison that was interrupted"
    if ">" in typed or any(PLACEHOLDER.match(word) for word in typed[1:]):
        return "has a placeholder, or a shell's words"
    return NEVER.get(command, "")


def _slow(command: str, rest: Sequence[str]) -> str:
    """Return why a line is run in `slow` only; empty if it is run always."""
    of_pretrained = any(chapter in word for chapter in PRETRAINED for word in rest)
    if {"--stop-after", "--from"} & set(rest):
        return "stops in the middle of a whole training, or goes on there"
    if "--verify" in rest:
        return "climbs the whole ladder on every track"
    if of_pretrained and command != "exercise" and not rest[0].endswith(":PAIR"):
        return "needs a pretrained network"
    return SLOW.get(command, "")


def repeated() -> set[tuple[str, str]]:
    """Return page and line of what has been run before, of the commands on which no later line depends."""
    seen: set[tuple[str, ...]] = set()
    found = set()
    for block in blocks():
        for line in [line for line in block.commands if line.startswith("twotrack ")]:
            if words(line)[1] in ONCE and plan(line, block).when is When.ALWAYS:
                if effective(line) in seen:
                    found.add((block.page, line))
                seen.add(effective(line))
    return found


EMBEDDED = "shared/datasets/embedded"
"""Of the repository, as pages name it."""


def furnish(page: str, folder: Path, runs: Path) -> None:
    """Put into a folder what a page names without making it: two models, customers, runs."""
    (folder / "shared/datasets").mkdir(parents=True)
    (folder / EMBEDDED).symlink_to(ROOT / EMBEDDED)
    (folder / "customers.csv").write_bytes(gzip.decompress((ROOT / EMBEDDED / "telco.csv.gz").read_bytes()))
    if page not in ON_ALL_BACKENDS:
        shutil.copytree(runs, folder / "runs")
    for block in blocks():
        if (
            block.page == "docs/guides/verify-your-pair.md"
            and block.file.startswith("my_")
            and block.language == "python"
        ):
            (folder / block.file).write_text(block.code)
    for name in ("my_port", "my_module"):
        shutil.copy(folder / "my_pair.py", folder / f"{name}.py")


def write_files(page: str, folder: Path) -> None:
    """Write every file that a page shows, but for a part of one of the repository's."""
    for block in blocks():
        is_shown = block.page == page and block.file.endswith(".py") and block.language == "python"
        if is_shown and not block.is_included and not (ROOT / block.file).exists():
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.code)


def run(plan: Plan, folder: Path, workers: WorkerPool) -> Done:
    """Run a planned line; a pattern stands for what it matches, as in a shell."""
    expanded: list[str] = []
    for word in plan.words[1:]:
        expanded += [str(path.relative_to(folder)) for path in sorted(folder.glob(word))] if "*" in word else [word]
    return in_process(*expanded, folder=folder, workers=workers, check=False)


NUMBER = re.compile(r"[-+\u2212]?\d[\d,.:]*(?:e[-+]?\d+)?")


def skeleton(line: str) -> str:
    """Return a line without its numbers, which depend on budget and machine, and without the width of its columns."""
    return " ".join(NUMBER.sub("#", line).split())


def shown_behind(block: Block, line: str) -> str:
    """Return what a page shows behind a command; empty for nothing."""
    return next((output for command, output in block.shown if command == line), "")


def codes(line: str, shown: str) -> set[int]:
    """Return how a line may end: with an error that is shown, or with the verdict on two models that differ."""
    if "error:" in shown:
        return {2}
    command, subject = [*words(line), ""][1:3]
    return {0, 1} if command == "verify" and subject.startswith(WRONG) else {0}


def missing(shown: str, done: Done, folder: Path) -> list[str]:
    """Return the lines that are shown and that a command did not print, wherever its folder is (`...` on a page)."""
    printed = {skeleton(one.replace(f"{folder}/", "")) for one in (done.stdout + done.stderr).splitlines()}
    lines = [one.replace(".../", "") for one in shown.splitlines() if one.strip() not in ("", "...")]
    return [one for one in lines if skeleton(one) not in printed]
