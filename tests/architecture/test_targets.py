"""What hooks, CI and the documentation call stands in the Makefile."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "called"),
    [
        (".pre-commit-config.yaml", {"check", "fast", "hooks"}),
        (".github/workflows/ci.yml", {"check", "fast", "test", "docs"}),
        (".github/workflows/nightly.yml", {"hunt"}),
        (".ci/run", {"test"}),
    ],
)
def test_hooks_and_ci_call_make_targets_and_nothing_else(file: str, called: set[str]):
    text = (ROOT / file).read_text()
    commands = re.findall(r"^\s*(?:- run|entry): (.*)$", text, re.MULTILINE)

    assert set(re.findall(r"\bmake ([a-z]+)", text)) == called <= TARGETS
    assert all(command.startswith("make ") for command in commands)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_every_target_that_a_page_names_exists(file: str):
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / file).read_text()))

    assert named <= TARGETS
    assert named


def test_every_phony_target_is_documented():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None

    assert set(re.findall(r"`make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text())) == set(phony[1].split())
