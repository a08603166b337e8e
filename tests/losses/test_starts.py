"""What frameworks draw as initial weights: told apart by distribution, named by rule, and never a failure."""

import numpy as np
import pytest

from tests.support.turns import QUICKEST
from twotrack.shared.verify.drawn_weights import Start, start_of
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.starts import described, differences, same_distribution

RANDOM = np.random.default_rng(0)


def uniform(limit: float, *shape: int) -> Start:
    return start_of(RANDOM.uniform(-limit, limit, shape))


def orthogonal(*shape: int) -> Start:
    return start_of(np.linalg.qr(RANDOM.normal(size=shape))[0])


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
        (start_of(np.repeat([0.0, 1.0, 0.0, 0.0], 5)), "at 0, and at 1 for one gate"),
        (orthogonal(20, 20), "orthogonal"),
    ],
)
def test_the_rule_is_named(start: Start, told: str) -> None:
    assert described("layer.kernel", start).startswith(told)


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
    assert "'lstm.bias' starts at 0, and at 1 for one gate in Keras" in note
    assert "'dense.bias' starts at 0 in Keras and drawn" in note  # 30 numbers do not tell from what
