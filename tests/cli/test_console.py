"""Progress: live bars on a terminal, plain lines elsewhere; errors are printed as they are."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.jobs import make_job
from twotrack.shared.cli import console
from twotrack.shared.runs.records import Job
from twotrack.shared.workers.messages import Progress

TRAINING = Progress("training", {"step": 3, "steps": 4, "loss": 0.12345, "examples_per_second": 1234.5})
EPOCH = Progress("epoch", {"epoch": 1, "train_loss": 0.5, "validation_metric": 0.98765, "seconds": 12.34})
EVENTS: list[Progress] = [
    Progress("started"), Progress("starting"), Progress("building"), Progress("warming up"),
    TRAINING, Progress("validating"), EPOCH, Progress("testing"), Progress("finished"),
]  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(tmp_path / "run", "torch", seed=7)


def shown(monkeypatch: pytest.MonkeyPatch, job: Job, events: list[Progress], terminal: bool) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(console, "stderr", Console(file=screen, force_terminal=terminal, width=200, soft_wrap=True))
    with console.training_progress() as show:
        for event in events:
            show(job, event)
    return screen.getvalue()


def test_without_a_terminal_start_epochs_and_end_are_plain_lines(monkeypatch: pytest.MonkeyPatch, job: Job):
    assert shown(monkeypatch, job, EVENTS, terminal=False).splitlines() == [
        "torch seed 7: started",
        "torch seed 7: epoch 1/1: loss 0.5000, validation 0.9877, 12.3 s",
        "torch seed 7: finished",
    ]


def test_without_a_terminal_a_failure_is_a_line(monkeypatch: pytest.MonkeyPatch, job: Job):
    assert shown(monkeypatch, job, [Progress("failed")], terminal=False) == "torch seed 7: failed\n"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (TRAINING, ["torch seed 7", "75%", "loss 0.1235", "1,234 examples/s"]),
        (EPOCH, ["loss 0.5000, validation 0.9877, 12.3 s"]),
        (Progress("warming up"), ["warming up"]),
        (Progress("failed"), ["failed"]),
    ],
    ids=lambda value: value.phase if isinstance(value, Progress) else "",
)
def test_on_a_terminal_a_bar_shows_where_training_is(
    monkeypatch: pytest.MonkeyPatch, job: Job, last: Progress, expected: list[str]
):
    screen = shown(monkeypatch, job, [Progress("started"), last], terminal=True)

    assert [text for text in expected if text not in screen] == []
    assert "\x1b" in screen


def test_an_error_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    monkeypatch.setattr(console, "stderr", Console(file=screen, width=20, soft_wrap=True))

    console.print_error("expected [one] of 'a/long/path/that/no/narrow/terminal/may/wrap'")

    assert screen.getvalue() == "error: expected [one] of 'a/long/path/that/no/narrow/terminal/may/wrap'\n"
