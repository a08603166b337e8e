"""One ladder, with one worker per track, for every pair of the session."""

from collections.abc import Iterator

import pytest

from shared.track import TRACKS
from shared.verify.ladder import Ladder


@pytest.fixture(scope="session")
def ladder() -> Iterator[Ladder]:
    with Ladder(tuple(TRACKS)) as ladder:
        yield ladder
