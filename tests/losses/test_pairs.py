"""Pairs whose losses are stated once or by hand, with weights, masks and an output's own, and those that differ."""

import pytest

from tests.losses.pairs import HONEST, WRONG
from tests.support.probing import Compare, comparing
from tests.support.turns import MOSTLY_QUICKEST, QUICKEST, in_turn
from twotrack.shared.errors import UserError
from twotrack.shared.spec.loss_specs import AbsoluteError, CrossEntropy
from twotrack.shared.spec.objective import CustomLoss, OutputLoss, losses_of, objective, row_weights
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

CLIMBED = ("a function of all outputs", "padded steps by hand", "step weights")
"""Honest pairs that climb to the top by default."""
PROVED = ("weights of outputs that torch forgot", "sample weights that are normed", "padded steps that count")
"""Wrong pairs whose cause is looked for by default: a weight of an output, of an example, of a step."""


def in_full(names: dict, by_default: tuple[str, ...]) -> list:
    return [pytest.param(name, marks=() if name in by_default else pytest.mark.slow) for name in names]


@pytest.fixture(scope="module")
def compare(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    by_reference = comparing("loss", workers, tmp_path_factory.mktemp)
    return lambda pair, track: by_reference(f"tests.losses.pairs:{pair}", track)


@pytest.mark.parametrize(("name", "track"), in_turn(HONEST, order=MOSTLY_QUICKEST))
def test_a_loss_that_is_stated_once_is_one(name: str, track: str, compare: Compare) -> None:
    result = compare(f"HONEST_{list(HONEST).index(name)}", track)
    assert result.passed, result.detail


@pytest.mark.parametrize(("name", "track"), in_turn(WRONG, order=MOSTLY_QUICKEST))
def test_what_weighs_and_divides_otherwise_is_found(name: str, track: str, compare: Compare) -> None:
    result = compare(f"WRONG_{list(WRONG).index(name)}", track)
    assert not result.passed
    assert result.detail.startswith("loss alone: on ")


@pytest.mark.parametrize("name", in_full(HONEST, CLIMBED))
def test_honest_pairs_climb_to_the_top(name: str, ladder: Ladder) -> None:
    (result,) = climb(ladder, f"HONEST_{list(HONEST).index(name)}")
    assert result.passed, result.rungs[-1].detail


@pytest.mark.parametrize("name", in_full(WRONG, PROVED))
def test_the_cause_is_proved(name: str, ladder: Ladder) -> None:
    (result,) = climb(ladder, f"WRONG_{list(WRONG).index(name)}")
    assert result.rungs[-1].rung == WRONG[name][1]
    (cause,) = result.diagnosis.proved
    assert WRONG[name][2] in cause.what
    assert result.diagnosis.last is None


def climb(ladder: Ladder, name: str) -> list:
    return ladder.climb(VerifyRequest(name=f"tests.losses.pairs:{name}"), lambda *_: None, [QUICKEST])


# === Without a framework ===

BY_NAME = {"species": OutputLoss(CrossEntropy(), 0.2), "weight": AbsoluteError()}


def test_losses_by_name_are_in_the_order_of_the_outputs() -> None:
    found = objective(BY_NAME, ("species", "weight"), known=True)
    assert [part.weight for part in losses_of(found, 2)] == [0.2, 1.0]


@pytest.mark.parametrize(
    ("names", "known"), [(("weight", "species"), True), (("species",), False), (("a", "b"), True), ((), False)]
)
def test_losses_that_are_not_those_of_the_outputs_are_refused(names: tuple[str, ...], known: bool) -> None:
    with pytest.raises(UserError, match=r"expected one for each output, in the order .*, found species, weight"):
        objective(BY_NAME, names, known)


def test_a_tuple_has_no_names_so_the_order_says_which_is_which() -> None:
    assert len(losses_of(objective(BY_NAME, ("0", "1"), known=False), 2)) == 2


def test_a_function_of_other_outputs_is_refused() -> None:
    with pytest.raises(UserError, match="expected one for each of 3 outputs, found 2"):
        losses_of(CustomLoss(target=("classes", "real")), 3)


def test_class_weights_and_sample_weights_at_once_are_refused() -> None:
    with pytest.raises(UserError, match="takes class_weight or sample weights, found both"):
        CustomLoss(target="classes", weights="examples", class_weight={0: 2.0})


def test_padded_steps_are_told_by_a_negative_weight() -> None:
    import numpy as np

    mask = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(row_weights(np.array([2.0, 3.0]), mask), [[2.0, -1.0], [3.0, 3.0]])
    np.testing.assert_array_equal(row_weights(None, mask), [[1.0, -1.0], [1.0, 1.0]])
    assert row_weights(None, None) is None
