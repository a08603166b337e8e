"""What stands in another order, has another shape or another smooth term is proved; honest neighbours pass."""

import pytest

from tests.diagnosis.order_pairs import HONEST, WRONG
from tests.support.turns import QUICKEST
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest


def climbed(name: str, ladder: Ladder, until: str) -> TrackResult:
    request = VerifyRequest(name=f"tests.diagnosis.order_pairs:{name}", until=until)
    return ladder.climb(request, lambda *_: None, [QUICKEST])[0]


@pytest.mark.parametrize("name", WRONG)
def test_its_cause_is_proved(name: str, ladder: Ladder) -> None:
    fault = WRONG[name]

    result = climbed(name, ladder, fault.rung)

    (cause,) = result.diagnosis.causes
    assert result.rungs[-1].rung == fault.rung
    assert cause.status is Status.PROVED, cause.what
    assert fault.kinds <= {change.kind for change in cause.changes}
    assert not [words for words in fault.words if words not in cause.what], cause.what
    assert cause.entry
    assert result.diagnosis.last is None


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_neighbour_passes(name: str, ladder: Ladder) -> None:
    assert climbed(name, ladder, "gradients").passed
