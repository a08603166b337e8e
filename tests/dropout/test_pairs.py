"""The rung dropout on pairs that draw alike, on pairs that do not, and on sides whose numbers cannot be given."""

from collections.abc import Iterator
from itertools import product
from typing import Literal

import pytest
from _pytest.mark import ParameterSet

from tests.dropout.networks import HONEST, WRONG
from tests.support.turns import BACKENDS, MOSTLY_QUICKEST, QUICKEST, in_turn
from twotrack.shared.verify.certificate import Verdict
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import GapKind

KERAS = [QUICKEST]


ELSEWHERE = {("SPATIAL", "keras:tensorflow"), ("ONE_MASK", "keras:jax"), ("ONE_SEED", "keras:tensorflow")}
"""Wrong pairs that are climbed with on another backend by default."""


def wrong() -> Iterator[ParameterSet]:
    """Yield every wrong pair with every backend; most are slow on all but the quickest."""
    for name, track in product(WRONG, BACKENDS):
        is_slow = track != QUICKEST and (name, track) not in ELSEWHERE
        yield pytest.param(name, track, marks=pytest.mark.slow if is_slow else ())


def climb(
    ladder: Ladder, name: str, tracks: list[str], causes: Literal["all", "none"] = "none", until: str = "training"
) -> list[TrackResult]:
    request = VerifyRequest(name=f"tests.dropout.networks:{name}", until=until, causes=causes)
    return ladder.climb(request, lambda *_: None, tracks)


@pytest.mark.parametrize(("name", "track"), in_turn(HONEST, order=MOSTLY_QUICKEST))
def test_twenty_steps_with_dropout_on_are_equal(ladder: Ladder, name: str, track: str) -> None:
    (result,) = climb(ladder, name, [track])

    assert result.passed, result.rungs[-1].detail
    rungs = {rung.rung: rung for rung in result.rungs}
    assert rungs["dropout"].counts["draws in a step"] >= 1
    assert rungs["training"].counts["training steps"] == 20
    assert rungs["training"].difference < 1e-9


@pytest.mark.parametrize(("name", "track"), list(wrong()))
def test_another_kind_rate_mask_or_place_is_named(ladder: Ladder, name: str, track: str) -> None:
    rung, where, told = WRONG[name]

    (result,) = climb(ladder, name, [track], until="dropout" if rung == "forward" else rung)

    failure = result.rungs[-1]
    assert (result.passed, failure.rung, failure.where) == (False, rung, where), failure.detail
    assert told in failure.detail


def test_another_rate_has_the_rate_as_its_cause(ladder: Ladder) -> None:
    (result,) = climb(ladder, "RATES", KERAS, causes="all")

    (cause,) = result.diagnosis.causes
    assert (cause.status, cause.entry.name, result.diagnosis.last) == (Status.PROVED, "dropout rate", None)


@pytest.mark.parametrize(
    ("name", "until", "told"),
    [
        ("BEYOND", "training", "by a draw that is none of the framework's"),
        ("BEYOND_EXPONENTIAL", "dropout", "by exponential_ in 'drop'"),
    ],
)
def test_a_side_that_is_random_beyond_control_is_an_exception_and_no_difference_of_the_loss(
    ladder: Ladder, name: str, until: str, told: str
) -> None:
    (result,) = climb(ladder, name, KERAS, until=until)

    rungs = {rung.rung: rung for rung in result.rungs}
    assert result.verdict == Verdict.EXCEPT, result.rungs[-1].detail
    assert f"torch is random beyond control, {told}" in rungs["dropout"].detail
    assert "one distribution" in rungs["dropout"].detail
    for rung in rungs.keys() & {"dropout", "gradients", "training"}:
        assert [gap.kind for gap in rungs[rung].gaps] == [GapKind.RANDOM]


def test_a_mask_that_is_shared_shows_in_the_distribution(ladder: Ladder) -> None:
    (result,) = climb(ladder, "BEYOND_SHARED", KERAS)

    assert (result.passed, result.rungs[-1].rung) == (False, "dropout")
    assert "its distribution is another" in result.rungs[-1].detail
