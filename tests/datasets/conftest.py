"""A user's cache folder of the tests' own, and one helper process for all conversions of data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from twotrack.shared.workers.processes import Worker


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of `converter`, and of what runs under `own_cache`."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def converter(cache: Path) -> Iterator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        worker = Worker(None, "cpu")
    with worker:
        yield worker


@pytest.fixture
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process, and the commands that it starts, use the cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache
