"""A change that takes a part of a difference away by chance is no part of the cause."""

from collections.abc import Iterable

import pytest

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import SetHyperparameter
from twotrack.shared.verify.diagnosis.searching import NOTHING, Search

CHANGE = Candidate(
    changes=(SetHyperparameter(path="norm", name="eps", value=0.1),), what="epsilon", torch_fix="", keras_fix=""
)


class One:
    """A single change, which leaves so much of a difference of 1."""

    def __init__(self, left: float):
        self._left = left

    def measure(self, candidate: Candidate) -> float:
        return self._left if candidate.changes else 1.0

    def propose(self, made: Candidate) -> Iterable[Candidate]:
        return [CHANGE] if made is NOTHING else []


@pytest.mark.parametrize(("left", "is_part"), [(0.4, False), (0.06, False), (0.001, True)])
def test_a_part_of_the_cause_leaves_next_to_nothing(left: float, is_part: bool) -> None:
    findings = Search(One(left), limit=1e-12).run()

    assert not findings.removing
    assert (findings.partly is not None) == is_part
