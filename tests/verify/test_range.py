"""What ordinary inputs do not show: pairs that differ elsewhere fail at their place, and equal ones raise no alarm."""

import pytest

from tests.support.probing import Compare, comparing
from tests.verify.range_pairs import HONEST, WRONG
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

KERAS = [track for track in TRACKS if track != "torch"]


@pytest.fixture(scope="module")
def compare(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    by_reference = comparing("range", workers, tmp_path_factory.mktemp)
    return lambda pair, track: by_reference(f"tests.verify.range_pairs:{pair}", track)


@pytest.mark.parametrize("track", KERAS)
@pytest.mark.parametrize("pair", WRONG)
def test_a_pair_that_differs_outside_the_ordinary_is_told_at_its_place(pair: str, track: str, compare: Compare) -> None:
    result = compare(pair, track)
    assert not result.passed
    assert WRONG[pair] in result.detail


@pytest.mark.parametrize("track", KERAS)
@pytest.mark.parametrize("pair", HONEST)
def test_a_pair_that_is_one_model_raises_no_alarm_and_needs_no_exception(
    pair: str, track: str, compare: Compare
) -> None:
    result = compare(pair, track)
    assert result.passed, result.detail
    assert result.gaps == ()
