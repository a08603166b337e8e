"""The pytest plugin `twotrack`: the fixture `same_model`, options, and what a failure leaves behind.

pytest imports this module in every run where twotrack is installed, so it imports nothing but what pytest has loaded;
all else comes when a test asks for the fixture.
"""

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from twotrack.shared.pytest_plugin.fixture import SameModel
    from twotrack.shared.workers.pool import WorkerPool

ANNOTATIONS = pytest.StashKey[list[list[str]]]()
"""Of a test: file, line and message of what failed in it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and for each a setting in the configuration file."""
    group = parser.getgroup("twotrack", "twotrack: one model in Keras and in PyTorch")
    for name, metavar, text in (
        ("tracks", "TRACKS", "Keras tracks, separated by commas, on which same_model compares: keras:jax,keras:torch."),
        ("until", "RUNG", "the last rung that same_model climbs, such as forward or training."),
        ("report", "DIR", "folder in which a test that fails leaves one with its report and its verdict."),
    ):
        group.addoption(f"--twotrack-{name}", metavar=metavar, help=text)
        parser.addini(f"twotrack_{name}", text)
    strict = "a pass with exceptions fails too: what was not seen could hide a difference."
    group.addoption("--twotrack-strict", action="store_true", default=None, help=strict)
    parser.addini("twotrack_strict", strict, type="bool", default=False)
    missing = "what a test does where a framework that it needs is not installed: error or skip."
    group.addoption("--twotrack-missing", choices=("error", "skip"), help=missing)
    parser.addini("twotrack_missing", missing)


@pytest.fixture(scope="session")
def _twotrack_workers(pytestconfig: pytest.Config) -> "Iterator[WorkerPool]":
    """One worker per track for the whole session; with pytest-xdist, for each of its processes."""
    from twotrack.shared.pytest_plugin.fixture import workers

    with workers(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) as pool:
        yield pool


@pytest.fixture
def same_model(request: pytest.FixtureRequest, _twotrack_workers: "WorkerPool") -> "SameModel":
    """Require that a Keras model and a torch model are one: called with the arguments of `twotrack.assert_same_model`.

    What a call does not say itself (`tracks`, `until`, `strict`) is as the options of pytest say.
    """
    from twotrack.shared.pytest_plugin.fixture import SameModel

    return SameModel(request.node, request.config, _twotrack_workers)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a failed test carry its annotations, from a process of pytest-xdist too."""
    report = yield
    if report.failed and ANNOTATIONS in item.stash:
        vars(report)["twotrack_annotations"] = item.stash[ANNOTATIONS]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Annotate the lines of failed tests where GitHub Actions runs them."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    reports = [report for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, [])]
    for annotation in [each for report in reports for each in getattr(report, "twotrack_annotations", [])]:
        from twotrack.shared.pytest_plugin.annotations import command

        terminalreporter.write_line(command(*annotation))
