"""What frameworks draw as initial weights: told apart by distribution, named by rule, and never a failure."""

import re

import numpy as np
import pytest
from scipy import stats

from tests.losses.start_pairs import HONEST, MIXED
from tests.losses.start_tasks import SHAPE, Asked, drawn_by_line
from tests.losses.test_pairs import in_full
from tests.support.turns import QUICKEST
from twotrack.shared.errors import UserError
from twotrack.shared.spec.initialisers import INITIALISERS, Blocks, OrthogonalStart, Scaled, Spread, draw
from twotrack.shared.spec.plain import plain
from twotrack.shared.verify.drawn_weights import Start, start_of
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.verify.start_laws import described, law_of
from twotrack.shared.verify.starts import ENOUGH, claimed, differences, same_distribution
from twotrack.shared.workers.pool import WorkerPool

RANDOM = np.random.default_rng(0)


def uniform(limit: float, *shape: int) -> Start:
    return start_of(RANDOM.uniform(-limit, limit, shape))


def orthogonal(*shape: int) -> Start:
    q = np.linalg.qr(RANDOM.normal(size=(max(shape), min(shape))))[0]
    return start_of(q if shape[0] >= shape[1] else q.T)


CUT = stats.truncnorm(-2, 2)
GLOROT, KAIMING = np.sqrt(6 / (40 + 30)), np.sqrt(1 / 40)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (uniform(GLOROT, 40, 30), uniform(GLOROT, 40, 30), True),
        (uniform(GLOROT, 40, 30), uniform(KAIMING, 40, 30), False),
        (uniform(GLOROT, 12, 10), uniform(KAIMING, 12, 10), False),
        (uniform(1.0, 100, 50), start_of(RANDOM.normal(size=(100, 50)) / np.sqrt(3)), False),
        (start_of(np.zeros(30)), start_of(np.zeros(30)), True),
        (start_of(np.zeros(30)), uniform(0.1, 30), False),
        (start_of(np.zeros(2)), uniform(0.1, 2), False),
        (orthogonal(20, 20), orthogonal(20, 20), True),
        (orthogonal(20, 20), start_of(RANDOM.normal(size=(20, 20)) / np.sqrt(20)), False),
        (orthogonal(20, 20), start_of(1.4 * np.linalg.qr(RANDOM.normal(size=(20, 20)))[0]), False),
        (orthogonal(20, 80), start_of(np.hstack([np.linalg.qr(RANDOM.normal(size=(20, 20)))[0]] * 4)), False),
        (start_of(np.repeat([0, 1, 0, 0], 9)), start_of(np.repeat([0, 0, 1, 0], 9)), False),
        (start_of(CUT.rvs((60, 60), RANDOM) / CUT.std()), start_of(RANDOM.normal(size=(60, 60))), False),
        (start_of(1e-3 * RANDOM.normal(size=(20, 20))), start_of(1e-3 * RANDOM.normal(size=(20, 20))), True),
    ],
)
def test_distributions_are_told_apart(one: Start, other: Start, same: bool) -> None:
    assert same_distribution(one, other) == same


def test_equal_distributions_are_seldom_called_different() -> None:
    pairs = [(uniform(1.0, 20, 20), uniform(1.0, 20, 20)) for _ in range(500)]
    assert all(same_distribution(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (uniform(GLOROT, 40, 30), "uniform, as Glorot"),
        (uniform(KAIMING, 40, 30), "uniform, as kaiming_uniform(a=sqrt(5))"),
        (start_of(RANDOM.normal(size=(40, 30)) * np.sqrt(2 / 40)), "normal, as He"),
        (start_of(RANDOM.normal(size=(40, 30))), "normal, as a standard normal"),
        (uniform(0.05, 40, 30), "uniform, as RandomUniform(0.05)"),
        (start_of(np.ones(5)), "at 1"),
        (start_of(np.repeat([0.0, 1.0, 0.0, 0.0], 5)), "at 0, and at 1 for gate 2 of 4"),
        (orthogonal(20, 20), "orthogonal"),
    ],
)
def test_the_rule_is_named(start: Start, told: str) -> None:
    assert described(start).startswith(told)


@pytest.mark.parametrize("kind", ["normal", "uniform", "truncated"])
def test_of_three_hundred_pairs_by_one_law_none_is_told_apart(kind: str) -> None:
    law = Spread(1.0, kind)
    drawn = [start_of(draw(law, RANDOM, (40, 50))) for _ in range(600)]
    assert all(same_distribution(*pair) for pair in zip(drawn[::2], drawn[1::2], strict=True))


def test_a_size_that_differs_by_a_fifth_is_told_apart_as_soon_as_a_weight_is_claimed() -> None:
    """2,000 numbers are what a side draws then."""
    for kind in ("normal", "uniform"):
        pairs = [(Spread(1.0, kind), Spread(1.2, kind))] * 30
        found = [[start_of(draw(law, RANDOM, (ENOUGH,))) for law in pair] for pair in pairs]
        assert not any(same_distribution(*pair) for pair in found)


def test_starts_that_are_alike_say_nothing() -> None:
    assert differences({"a.kernel": uniform(1.0, 9, 9)}, {"a.kernel": uniform(1.0, 9, 9)}) == ()


def test_a_pass_says_how_the_frameworks_start(ladder: Ladder) -> None:
    (result,) = ladder.climb(
        VerifyRequest(name="tests.losses.start_pairs:PAIR", until="parameters"), lambda *_: None, [QUICKEST]
    )
    assert result.passed
    (note,) = result.rungs[-1].notes
    assert "'dense.kernel' starts uniform, as Glorot" in note
    assert "in Keras and uniform, as kaiming_uniform(a=sqrt(5)) (variance 1 / (3 fan_in)) (standard" in note
    assert "'lstm.recurrent_kernel' starts orthogonal in Keras" in note
    assert "'lstm.bias' starts at 0, and at 1 for gate 2 of 4 in Keras" in note
    assert "'dense.bias' starts at 0 in Keras and drawn" in note  # 30 numbers do not tell from what


# === Claims ===

CLAIMED = ("torch's defaults", "the bias of the forget gate", "an orthogonal recurrent kernel")
PASSED = ("an LSTM",)


def climb(ladder: Ladder, name: str) -> TrackResult:
    request = VerifyRequest(name=f"tests.losses.start_pairs:{name}", until="parameters", precisions=FOR_THE_VERDICT)
    return ladder.climb(request, lambda *_: None, [QUICKEST])[0]


@pytest.mark.parametrize("name", in_full(MIXED, CLAIMED))
def test_a_claim_that_does_not_hold_fails_and_its_cause_is_proved(name: str, ladder: Ladder) -> None:
    result = climb(ladder, f"MIXED_{list(MIXED).index(name)}")
    assert not result.passed
    assert result.rungs[-1].detail.startswith("the pair says that both sides start alike; ")
    (cause,) = result.diagnosis.proved
    assert result.diagnosis.last is None
    assert re.search(MIXED[name].told, cause.what), cause.what
    assert MIXED[name].torch_line in cause.torch_fix
    assert MIXED[name].keras_line in cause.keras_fix


@pytest.mark.parametrize("name", in_full(HONEST, PASSED))
def test_a_claim_that_holds_passes_and_says_on_how_many_numbers(name: str, ladder: Ladder) -> None:
    result = climb(ladder, f"HONEST_{list(HONEST).index(name)}")
    assert result.passed, result.rungs[-1].detail
    note = result.rungs[-1].notes[0]
    assert re.search(r"compared by distribution, on at least [2-9],\d+ numbers of each", note), note
    assert result.certificate.counts["initial weights by distribution"] > 0


def test_a_claim_of_weights_that_are_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"same_start: no weight fits 'dense'; there are: dense.kernel"):
        claimed(("dense",), ["dense.kernel"])


@pytest.mark.parametrize("track", ["torch", QUICKEST])
def test_the_line_of_each_law_draws_by_it(track: str, workers: WorkerPool) -> None:
    laws = [*INITIALISERS.values(), Spread(0.3, "truncated"), Spread(0.3, "uniform"), OrthogonalStart(1.5, 4)]
    for law in [*laws, Blocks((0.0, 1.0, 0.0, 0.0)), *(Scaled(gain, "out", "normal") for gain in (2.0, 1.0, 1 / 3))]:
        wanted = start_of(draw(law, np.random.default_rng(1), SHAPE))
        found = start_of(np.array(workers.call(track, drawn_by_line, Asked(track, plain(law)))))
        assert same_distribution(wanted, found), law
        assert law_of(found) is not None
