"""twotrack differences: table, Markdown, JSON and exit code, on the session's workers."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from typer.testing import CliRunner, Result

from twotrack.shared.cli import app, options
from twotrack.shared.differences import measuring as harness
from twotrack.shared.workers.pool import WorkerPool

TENSORFLOW = "keras:tensorflow"
SLUGS = ("layer_norm_epsilon", "adam_epsilon", "attention_start", "seeding")
Command = Callable[..., Result]


@pytest.fixture
def command(workers: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command on running workers and on a few entries only."""

    monkeypatch.setattr(harness, "LEDGER", [entry for entry in harness.LEDGER if entry.slug in SLUGS])

    def run(*words: str) -> Result:
        with options.lending(workers):
            return CliRunner().invoke(app, ["differences", *words, "--tracks", TENSORFLOW])

    return run


def test_json_has_both_values_the_effect_and_what_removes_it(command: Command):
    done = command("--json")

    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (found["chapter"], found["as_expected"]) == (None, True)
    assert [one["slug"] for one in found["differences"]] == list(SLUGS[:1] + SLUGS[2:3] + SLUGS[1:2] + SLUGS[3:])
    norm = found["differences"][0]
    assert norm["measured"] == {TENSORFLOW: {"epsilon": 1e-3}, "torch": {"epsilon": 1e-5}}
    # Inputs of variance s: the outputs are apart by the ratio of sqrt(s + 1e-5) and sqrt(s + 1e-3).
    assert 0.5 < norm["effect"][TENSORFLOW] < 1.5
    assert norm["aligned_effect"][TENSORFLOW] < 1e-5
    assert "1e-5" in norm["aligned"]


def test_a_chapter_shows_only_what_touches_it(command: Command):
    found = json.loads(command("churn_mlp", "--json").stdout)

    assert [one["slug"] for one in found["differences"]] == ["adam_epsilon", "seeding"]


def test_table_and_markdown_have_a_row_per_entry(command: Command):
    table, markdown = command().stdout, command("--markdown").stdout

    assert [line for line in table.splitlines() if "Adam epsilon" in line and "1e-07" in line and "1e-08" in line]
    assert "4 entries measured, 0 not as the ledger says" in table
    assert "\n| Adam epsilon | epsilon: 1e-07 | epsilon: 1e-08 | " in markdown
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == [
        "## Layer", "## Initialisation", "## Optimizer", "## Loop",
    ]  # fmt: skip


def test_a_changed_default_ends_with_exit_code_1_and_its_name(command: Command, monkeypatch: pytest.MonkeyPatch):
    entries = [
        replace(entry, torch=replace(entry.torch, values={"epsilon": 1e-9})) if entry.slug == "adam_epsilon" else entry
        for entry in harness.LEDGER
    ]
    monkeypatch.setattr(harness, "LEDGER", entries)

    done = command("--json")

    assert done.exit_code == 1
    assert "error: Adam epsilon: epsilon: the ledger says 1e-09, torch 2." in done.stderr
    assert json.loads(done.stdout)["as_expected"] is False
