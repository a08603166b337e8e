"""Training functions of the user's own: both sides get the same batches, and what they do is compared step by step."""

from typing import Any

import pytest

from tests.losses.loop_pairs import HONEST, PROVED, REFUSED, WRONG
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.errors import UserError
from twotrack.shared.spec.loop import Feed, TrainingLoop
from twotrack.shared.spec.pair import Pair
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest

OTHERS = [
    pytest.param(name, track, marks=pytest.mark.slow)
    for name in ("a compiled model", "a train_step of one's own")
    for track in BACKENDS
    if track != QUICKEST
]


@pytest.mark.parametrize(("name", "track"), [*((name, QUICKEST) for name in HONEST), *OTHERS])
def test_code_that_trains_alike_passes_and_says_what_was_recorded(name: str, track: str, ladder: Ladder) -> None:
    result = climb(ladder, f"HONEST_{list(HONEST).index(name)}", track)
    assert result.passed, result.rungs[-1].detail
    assert [rung.rung for rung in result.rungs if rung.rung in ("loss", "optimizer", "accuracy")] == []
    (training,) = [rung for rung in result.rungs if rung.rung == "training"]
    assert training.counts["training steps"] == 20
    (gradients,) = [rung for rung in result.rungs if rung.rung == "gradients"]
    assert bool(gradients.gaps) == (name != "two functions")


@pytest.mark.parametrize("name", WRONG)
def test_code_that_trains_otherwise_fails_where_it_parts(name: str, ladder: Ladder) -> None:
    result = climb(ladder, f"WRONG_{list(WRONG).index(name)}")
    assert result.rungs[-1].rung == WRONG[name][1]
    assert WRONG[name][2] in result.rungs[-1].detail
    assert PROVED.get(name, "") in "; ".join(cause.what for cause in result.diagnosis.proved)
    assert bool(result.diagnosis.proved) == (name in PROVED)


@pytest.mark.parametrize("name", REFUSED)
def test_code_that_cannot_be_compared_is_refused(name: str, ladder: Ladder) -> None:
    with pytest.raises(UserError) as error:
        climb(ladder, f"REFUSED_{list(REFUSED).index(name)}")
    assert REFUSED[name][1] in str(error.value)


def climb(ladder: Ladder, name: str, track: str = QUICKEST) -> Any:
    return ladder.climb(VerifyRequest(name=f"tests.losses.loop_pairs:{name}"), lambda *_: None, [track])[0]


# === Without a framework ===


def test_a_step_is_heard_when_the_next_batch_is_asked_for() -> None:
    heard: list[tuple[float, Any]] = []
    feed = Feed([1, 2], lambda *step: heard.append(step), lambda loss, gradients: (loss, gradients))
    batches = iter(feed)
    next(batches)
    feed.record(0.5, {"a": 1})
    assert heard == []
    next(batches)
    assert heard == [(0.5, {"a": 1})]


def test_a_batch_that_is_recorded_twice_is_refused() -> None:
    feed = Feed([1, 2], lambda *_: None, lambda loss, gradients: (loss, gradients))
    with pytest.raises(UserError, match="found one before the first batch"):
        feed.record(1.0)
    next(iter(feed))
    feed.record(1.0)
    with pytest.raises(UserError, match="found two for batch 1"):
        feed.record(1.0)


def test_a_function_that_leaves_its_loop_has_done_the_step_that_it_recorded() -> None:
    heard: list[float] = []
    feed = Feed([1, 2], lambda loss, _: heard.append(loss), lambda loss, gradients: (loss, gradients))
    for number, _ in enumerate(feed):
        feed.record(number + 0.5)
        break
    feed.require_record()
    assert heard == [0.5]
    with pytest.raises(UserError, match="found none"):
        Feed([1], lambda *_: None, lambda *step: step).require_record()


def test_torch_needs_a_function() -> None:
    with pytest.raises(UserError, match="expected a function train"):
        Pair(lambda: None, lambda: None, (4,), train=TrainingLoop())
