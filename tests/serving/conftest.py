"""One stand-in for the whole folder of tests, and the proxies of this machine out of the way."""

from collections.abc import Iterator

import pytest

from tests.serving import standin


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """HOST:PORT of the stand-in by protocol."""
    with standin.running() as addresses:
        yield addresses
