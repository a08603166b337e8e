"""Pairs that are one model pass, the backends taking turns; on every backend if slow."""

import pytest

from tests.conformance import honest, honest_blocks, honest_functions, honest_images, honest_masks, honest_sequences
from tests.support.turns import MOSTLY_QUICKEST, QUICKEST, in_turn
from twotrack.shared.errors import UserError
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import GapKind

MODULES = (honest, honest_images, honest_sequences, honest_functions, honest_masks, honest_blocks)
HONEST = [f"{module.__name__}:{name}" for module in MODULES for name in module.HONEST]


@pytest.mark.parametrize(("name", "track"), in_turn(HONEST, every=3, order=MOSTLY_QUICKEST))
def test_an_honest_pair_raises_no_alarm(name: str, track: str, ladder: Ladder) -> None:
    (result,) = ladder.climb(VerifyRequest(name=name), lambda *_: None, [track])
    assert result.passed, result.rungs[-1].detail


@pytest.mark.parametrize("name", [*honest_blocks.HONEST, *honest_blocks.WRONG])
def test_blocks_pass_up_to_their_gradients_and_their_wrong_twins_do_not(name: str, ladder: Ladder) -> None:
    request = VerifyRequest(name=f"tests.conformance.honest_blocks:{name}", until="gradients", causes="none")
    (result,) = ladder.climb(request, lambda *_: None, [QUICKEST])
    assert result.passed == (name in honest_blocks.HONEST), result.rungs[-1].detail
    assert result.rungs[-1].rung == ("gradients" if result.passed else "forward")
    gaps = [gap.detail for gap in result.certificate.gaps if gap.kind is GapKind.PARTNER]
    assert gaps == [] or name == "CHOMPED", gaps


def test_a_model_that_states_its_batch_is_looked_at_in_such_batches_and_no_other_is_asked_of_it(
    ladder: Ladder,
) -> None:
    def request(name: str) -> VerifyRequest:
        return VerifyRequest(name=f"tests.conformance.honest_functions:{name}", until="forward", causes="none")

    (wrong,) = ladder.climb(request("OTHER_ACTIVATION"), lambda *_: None, [QUICKEST])
    assert (wrong.rungs[-1].rung, wrong.passed) == ("forward", False)
    with pytest.raises(UserError, match=r"states batches of 8 and takes no other.*say batch_size=8"):
        ladder.climb(request("FIVE_ROWS"), lambda *_: None, [QUICKEST])


def test_a_kernel_of_one_filter_has_gradients_in_float64_on_every_backend(ladder: Ladder) -> None:
    results = ladder.climb(
        VerifyRequest(name="tests.conformance.honest:ONE_FILTER", until="gradients"), lambda *_: None
    )
    assert {result.track: result.rungs[-1].detail for result in results if not result.passed} == {}
