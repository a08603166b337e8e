"""What stands in another order, has another shape or another smooth term is proved; honest neighbours pass."""

import pytest

from tests.diagnosis import code_pairs, order_pairs
from tests.diagnosis.faults.fault import Fault
from tests.support.turns import QUICKEST
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest


def climbed(module: str, name: str, ladder: Ladder, until: str) -> TrackResult:
    request = VerifyRequest(name=f"tests.diagnosis.{module}:{name}", until=until)
    return ladder.climb(request, lambda *_: None, [QUICKEST])[0]


def proved(fault: Fault, module: str, name: str, ladder: Ladder) -> Cause:
    """Return the only cause, which is proved, by such changes, and behind which nothing is left."""
    result = climbed(module, name, ladder, fault.rung)

    (cause,) = result.diagnosis.causes
    assert result.rungs[-1].rung == fault.rung
    assert cause.status is Status.PROVED, cause.what
    assert fault.kinds <= {change.kind for change in cause.changes}
    assert not [words for words in fault.words if words not in cause.what], cause.what
    assert result.diagnosis.last is None
    return cause


@pytest.mark.parametrize("name", order_pairs.WRONG)
def test_its_cause_is_proved_with_an_entry_of_the_ledger(name: str, ladder: Ladder) -> None:
    assert proved(order_pairs.WRONG[name], "order_pairs", name, ladder).entry


@pytest.mark.parametrize("name", code_pairs.WRONG)
def test_what_code_computes_in_another_way_is_proved(name: str, ladder: Ladder) -> None:
    proved(code_pairs.WRONG[name], "code_pairs", name, ladder)


@pytest.mark.parametrize("name", order_pairs.HONEST)
def test_an_honest_neighbour_passes(name: str, ladder: Ladder) -> None:
    assert climbed("order_pairs", name, ladder, "gradients").passed
