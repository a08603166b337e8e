"""Models that are too large to keep all that is seen of them: digests, fewer steps, one training at a time.

Here a small pair is taken for a large one.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.turns import QUICKEST, quickest_alone
from twotrack.shared.base.sizes import NEED
from twotrack.shared.verify import evidence
from twotrack.shared.verify.common_steps import Stepped
from twotrack.shared.verify.keeping import digested_weights
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.need import Need
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import FailurePlace, GapKind
from twotrack.shared.verify.rungs import common_digests
from twotrack.shared.verify.rungs.common_digests import Steps, find_difference
from twotrack.shared.verify.rungs.common_state import FreeRun
from twotrack.shared.verify.trace import Trace

TRACKS = quickest_alone()


def climbed(
    ladder: Ladder, name: str, track: str, said: list[str] | None = None, until: str = "accuracy"
) -> TrackResult:
    request = VerifyRequest(name=f"tests.verify.{name}", large_from=100, causes="none", until=until)
    (result,) = ladder.climb(request, lambda _, phase: (said if said is not None else []).append(phase), [track])
    return result


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("pair", ["HONEST", "ONE_EXAMPLE"])
def test_an_honest_pair_passes_and_the_certificate_says_what_was_left_out(
    ladder: Ladder, track: str, pair: str
) -> None:
    said: list[str] = []

    result = climbed(ladder, f"large_pairs:{pair}", track, said)

    assert result.passed, result.rungs[-1].detail
    assert result.certificate.counts["training steps"] == 6
    assert any(gap.where == "training" and "6 of 20 steps" in gap.detail for gap in result.certificate.gaps)
    assert len([phase for phase in said if phase.startswith(NEED)]) == 1
    assert not any("float32" in phase for phase in said)


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    ("pair", "rung", "where"),
    [
        ("GRADIENT", "gradients", "narrow.kernel"),
        ("EPSILON", "forward", "norm"),
        ("MOMENTUM", "training", "batch.moving_"),
        ("RATE", "dropout", "dropped"),
    ],
)
def test_a_fault_is_placed_by_digests(ladder: Ladder, track: str, pair: str, rung: str, where: str) -> None:
    failed = climbed(ladder, f"large_pairs:{pair}", track, until=rung).rungs[-1]

    assert (failed.rung, failed.passed) == (rung, False)
    assert failed.where.startswith(where)


@pytest.mark.parametrize(
    ("pair", "kind", "cause"),
    [
        ("GRADIENT", "gradients", "the gradient of 'narrow.kernel' is 0.999001 times as large in Keras as in torch"),
        pytest.param(
            "MOMENTUM",
            "weights",
            "the running statistics of 'batch' keep 0.9 of themselves at every step in Keras",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_cause_is_proved_with_all_values_of_what_failed_alone(
    ladder: Ladder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: str, kind: str, cause: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept: list[tuple[bool, bool]] = []

    def look(_: str, phase: str) -> None:
        if phase.startswith("looking for the cause"):
            traces = [evidence.load(Trace, file.parent) for file in tmp_path.rglob("trace/values.json")]
            kept.extend((not one.digested, not one.weights_digested) for one in traces)

    request = VerifyRequest(name=f"tests.verify.large_pairs:{pair}", large_from=100, causes="first")
    (result,) = ladder.climb(request, look, [QUICKEST])

    assert [one.what.startswith(cause) for one in result.diagnosis.proved] == [True], result.diagnosis
    in_full = (kind == "gradients", kind == "weights")
    assert sorted(kept) == sorted([(False, False)] * 2 + [in_full] * 2)  # two sides, as they climbed and in full


@pytest.mark.parametrize("track", TRACKS)
def test_a_network_that_parts_by_rounding_is_judged_step_by_step(ladder: Ladder, track: str) -> None:
    training = climbed(ladder, "deep_pairs:LION", track).rungs[-1]

    assert (training.rung, training.passed) == ("training", True), training.detail
    assert "each from the weights of the start" in training.detail
    assert GapKind.ROUNDING in {gap.kind for gap in training.gaps}


def stepped(change: float = 0.0, drift: float = 0.0) -> Stepped:
    found, generator = Stepped(), np.random.default_rng(0)
    for step in range(3):
        weight = generator.normal(size=(4, 600))
        weight[1, 7] += change * (step == 1)
        found.weights.append(digested_weights({"a.kernel": weight + drift, "b.kernel": generator.normal(size=(3, 2))}))
        found.losses.append(1.0)
    return found


def test_one_number_of_one_step_is_found_from_common_weights() -> None:
    different = find_difference(Steps(stepped(), stepped(change=1e-6)), [])

    assert different
    assert (different.place, different.where) == (FailurePlace.WEIGHT, "a.kernel")
    assert different.detail.startswith("step 2: 'a.kernel' differs")


def test_what_moved_gradients_make_too_is_rounding() -> None:
    steps, moved = Steps(stepped(), stepped(change=1e-6)), Steps(stepped(), stepped(change=2e-6))

    assert find_difference(steps, [moved]) is None
    result = common_digests.passed(FreeRun([1.0] * 3, [1e-6] * 3), steps, Trace(left_out="3 of 20 steps"))
    assert ["a.kernel" in gap.where for gap in result.gaps if gap.kind is GapKind.ROUNDING] == [False, True]


def test_equal_steps_agree() -> None:
    assert find_difference(Steps(stepped(), stepped()), []) is None


def test_a_difference_that_is_not_a_number_is_one() -> None:
    assert find_difference(Steps(stepped(), stepped(change=np.nan)), [])


def test_what_a_large_model_needs_is_said_in_one_line() -> None:
    assert str(Need(109_482_240, 0.45, 6e8)).startswith("needs about 6.5 GB of memory, 0.4 GB of disk and 3 min")


def test_what_layers_give_counts_as_much_as_weights_do() -> None:
    assert Need(23_587_712, 0.4, 1.2e9).memory - Need(23_587_712, 0.4, 0).memory > 1.2e9


def test_digests_are_small_beside_the_weights() -> None:
    weights = {"kernel": np.zeros((3072, 768))}

    assert sum(one.nbytes for one in digested_weights(weights).values()) < weights["kernel"].nbytes / 30
