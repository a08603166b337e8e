"""Fixtures of the whole suite. Frameworks are imported in worker processes only, never in pytest's own."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import compilations, resources
from tests.support.fast_lane import FastLane
from tests.support.ladders import SharedLadder
from tests.support.models import Models
from tests.support.once import session_folder
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.ladder import threads
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.processes import BOUNDS_OF_THREADS

ROOT = Path(__file__).parents[1]
WORKERS, KEPT_MEMORY = pytest.StashKey[WorkerPool](), pytest.StashKey[int]()
IMPORTED = pytest.StashKey[set[str]]()
"""Frameworks that were imported while tests were collected."""

# The same examples in every run, and no limit on the time that one takes on a busy machine.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only the tests that need no framework")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[KEPT_MEMORY] = resources.kept_memory(resources.available_memory(), resources.test_processes())
    if config.getoption("--fast"):
        config.pluginmanager.register(FastLane())


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `--numprocesses auto`: as many as memory and cores allow."""
    return resources.processes(resources.available_memory(), resources.cores())


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Look for no garbage among what is collected: hundreds of thousands of objects, which stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        session.config.stash[IMPORTED] = {"torch", "keras", "tensorflow", "jax"} & set(sys.modules)


@pytest.fixture(scope="session", autouse=True)
def _tree_under_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every child process import the packages, and the tests' own tasks, from this tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        # As many threads as a ladder's workers would have where one climbs in each process of tests: threads that wait
        # for each other over a few numbers cost more than they give. The same for all, for bits depend on it.
        share = max(1, threads(len(TRACKS)) // resources.test_processes())
        for name in BOUNDS_OF_THREADS:
            patch.setenv(name, os.environ.get(name, str(share)))
        # What JAX runs here is mostly compiled for a few steps: that is most of the suite's time. It compiles a program
        # once in a session, not once in each of its processes.
        for name, value in compilations.kept_in(session_folder(tmp_path_factory) / "jax_compilations").items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def workers(pytestconfig: pytest.Config) -> Iterator[WorkerPool]:
    """Workers shared by the whole session: one per track, on the CPU, started at first use."""
    with WorkerPool("cpu", one_per_track=True) as workers:
        pytestconfig.stash[WORKERS] = workers
        yield workers


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory(pytestconfig: pytest.Config) -> Iterator[None]:
    """End the workers between two files of tests if they hold too much; the next test starts new ones."""
    yield
    workers = pytestconfig.stash.get(WORKERS, None)
    if workers is not None and resources.held_memory() > pytestconfig.stash[KEPT_MEMORY]:
        workers.end()


@pytest.fixture(scope="session")
def ladder(workers: WorkerPool) -> Iterator[SharedLadder]:
    """One ladder, with one worker per track, for every pair of the session."""
    with SharedLadder(None, workers) as ladder:
        yield ladder


@pytest.fixture(scope="session")
def models(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(workers, tmp_path_factory.mktemp("models"))
