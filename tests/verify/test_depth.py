"""Deep networks: equal ones are not refused although rounding parts them, and one wrong number is found."""

from pathlib import Path

import numpy as np
import pytest

from tests.mutation.faults import FAULTS
from tests.mutation.observing import Gate
from tests.support.turns import quickest_alone
from tests.verify.test_rungs import side, trace
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify.following import Excess, Explained, Followed, Led, NoRoomError, Strayed, Trajectory
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, GapKind, RungResult
from twotrack.shared.verify.rungs.common_state import FreeRun, find_difference, judge_free_run
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.workers.pool import WorkerPool

SLOW = {
    "deep, momentum", "deep, a lower rate from step 15 on", "deep, optimizer rebuilt at an epoch",
    "deep, last learning rate of Lion off", "deep, Adam rebuilt at an epoch", "deep, statistics move in inference",
    "deep, momentum forgotten at an epoch",
}  # fmt: skip
"""The second look finds another of the default ones in the same way, and tests/mutation has these faults by default."""
DEEP = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name, fault in FAULTS.items()
    if fault.subject.startswith("DEEP")
]


@pytest.fixture(scope="module", params=quickest_alone())
def gate(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Gate:
    return Gate(workers, tmp_path_factory.mktemp("deep"), request.param)


@pytest.mark.slow
@pytest.mark.parametrize("track", quickest_alone())
def test_twenty_two_convolutions_pass_though_left_alone_the_two_sides_part(track: str, ladder: Ladder) -> None:
    request = VerifyRequest(name="tests.verify.deep_pairs:IMAGES", precisions=FOR_THE_VERDICT)

    (result,) = ladder.climb(request, lambda *_: None, [track])

    training = result.rungs[-1]
    assert (training.rung, training.passed) == ("training", True), training.detail
    assert training.difference is not None
    assert training.difference < 1e-10
    assert result.certificate.counts["of them from common weights"] == 20
    assert result.certificate.gaps == ()


@pytest.mark.parametrize("pair", ["TWELVE_OF_THREE", pytest.param("THREE_ROWS", marks=pytest.mark.slow)])
def test_batches_of_three_rows_pass_with_the_rounding_that_a_deep_network_makes_of_them(
    pair: str, ladder: Ladder
) -> None:
    request = VerifyRequest(name=f"tests.verify.deep_pairs:{pair}", precisions=FOR_THE_VERDICT)

    (result,) = ladder.climb(request, lambda *_: None, ["keras:torch"])

    assert (result.rungs[-1].rung, result.passed) == ("training", True), result.rungs[-1].detail
    assert {gap.kind for gap in result.certificate.gaps} == {GapKind.ROUNDING}


def test_digits_that_cancel_in_float64_are_an_exception_and_no_failure(ladder: Ladder) -> None:
    request = VerifyRequest(name="tests.verify.narrow_pairs:NARROW", precisions=FOR_THE_VERDICT)

    (result,) = ladder.climb(request, lambda *_: None, ["keras:torch"])

    assert result.passed, result.rungs[-1].detail
    told = {gap.where for gap in result.certificate.gaps if gap.kind is GapKind.ROUNDING}
    assert {"norm", "gradients"} <= told, "on extreme values, and what comes back in a step"


def test_an_epsilon_is_found_among_digits_that_cancel(ladder: Ladder) -> None:
    request = VerifyRequest(
        name="tests.verify.narrow_pairs:OTHER_EPSILON", until="range", causes="none", precisions=FOR_THE_VERDICT
    )

    failure = ladder.climb(request, lambda *_: None, ["keras:torch"])[0].rungs[-1]

    assert (failure.passed, failure.rung, failure.where) == (False, "range", "norm")


@pytest.mark.slow
def test_fifty_normalisations_of_five_rows_pass_by_how_far_they_enlarge_rounding(ladder: Ladder) -> None:
    request = VerifyRequest(name="tests.verify.deep_pairs:DEEPEST", precisions=FOR_THE_VERDICT)

    (result,) = ladder.climb(request, lambda *_: None, ["keras:torch"])

    assert (result.rungs[-1].rung, result.passed) == ("training", True), result.rungs[-1].detail
    assert {gap.kind for gap in result.certificate.gaps} == {GapKind.ROUNDING}


@pytest.mark.slow
def test_how_far_rounding_is_enlarged_says_how_far_training_mode_and_gradients_may_part(workers: WorkerPool) -> None:
    request = VerifyRequest(name="tests.verify.deep_pairs:DEEPER", until="gradients")

    with Ladder(["keras:torch"], workers) as ladder:
        (result,) = ladder.climb(request, lambda *_: None)

    climbed = {one.rung: one for one in result.rungs}
    assert result.passed, result.rungs[-1].detail
    assert TOLERANCES["forward"].limit < climbed["dropout"].difference <= climbed["dropout"].limit < 1e-8
    assert climbed["gradients"].difference <= climbed["gradients"].limit < 1e-8


def test_momentum_over_many_layers_passes_without_an_exception(gate: Gate) -> None:
    training = gate.healthy("DEEP MOMENTUM")[-1]

    assert training.passed, training.detail
    assert training.difference is not None
    assert training.difference < 1e-10
    assert training.counts["of them from common weights"] == 20
    assert training.gaps == ()


@pytest.mark.parametrize("subject", ["DEEP LION", pytest.param("DEEP LOUD", marks=pytest.mark.slow)])
def test_a_step_that_is_rounding_is_an_exception_which_names_the_weights(gate: Gate, subject: str) -> None:
    training = gate.healthy(subject)[-1]

    assert training.passed, training.detail
    assert [gap.kind for gap in training.gaps] == [GapKind.ROUNDING]
    assert ".bias" in training.gaps[0].where
    assert ".kernel" not in training.gaps[0].where


@pytest.mark.parametrize("fault", DEEP)
def test_a_fault_in_a_deep_network_is_named_with_its_step(gate: Gate, fault: str) -> None:
    failure = gate.planted(fault)[-1]

    assert (failure.rung, failure.passed) == ("training", False)
    assert FAULTS[fault].told in failure.detail


@pytest.mark.parametrize(
    ("pair", "rung", "where"),
    [
        ("OTHER_MOMENTUM", "training", "moving_mean"),
        pytest.param("UNBIASED", "training", "moving_variance", marks=pytest.mark.slow),
        ("OTHER_EPSILON", "forward", "norm"),
        pytest.param("DEEPEST_OTHER_MOMENTUM", "training", "moving_", marks=pytest.mark.slow),
        pytest.param("DEEPEST_OTHER_EPSILON", "forward", "norm25", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_number_in_a_normalisation_of_many_is_found(pair: str, rung: str, where: str, ladder: Ladder) -> None:
    request = VerifyRequest(
        name=f"tests.verify.deep_pairs:{pair}", until=rung, causes="none", precisions=FOR_THE_VERDICT
    )

    failure = ladder.climb(request, lambda *_: None, ["keras:torch"])[0].rungs[-1]

    assert (failure.passed, failure.rung) == (False, rung)
    assert where in failure.where


# === The comparisons by themselves ===

LED = Led(losses=[1.0, 0.5], validation=[0.7], trained_outputs=[np.ones(3)])


def followed(second: float = 0.0, **changes: object) -> Followed:
    """Return a side whose weight differs by so much after the second step, in the first of its four numbers."""
    excess = [Excess(1, "a.kernel", 4, np.array([0]), np.array([second]), np.array([second]))] if second else []
    fields = {
        "losses": [1.0, 0.5],
        "largest": [{"a.kernel": 1e-15}, {"a.kernel": second}],
        "typical": [{"a.kernel": 1e-15}, {"a.kernel": second / 2}],
        "excess": excess,
        "validation": [0.7],
        "trained_outputs": [np.ones(3)],
    }
    return Followed(**(fields | changes))


def explained(size: float) -> list[Explained]:
    sizes = {"1 a.kernel": np.array([size])}
    still = {"1 a.kernel": np.zeros(1)}
    return [Explained(sizes, sizes, LED.losses), Explained(still, still, LED.losses)]


def test_a_side_that_steps_as_the_leader_does_has_no_difference() -> None:
    assert find_difference(LED, followed(), []) is None


def test_a_difference_after_one_step_is_named_with_step_and_weight() -> None:
    failure = find_difference(LED, followed(1e-8), [])

    assert failure is not None
    assert (failure.where, failure.difference) == ("a.kernel", 1e-8)
    assert failure.detail.startswith("step 2:")


@pytest.mark.parametrize(("possible", "passes"), [(1e-8, True), (4e-9, False)])
def test_a_difference_may_be_what_the_optimizer_makes_of_rounded_gradients_and_no_more(
    possible: float, passes: bool
) -> None:
    assert (find_difference(LED, followed(1e-8), explained(possible)) is None) == passes


def test_what_was_not_kept_is_not_explained() -> None:
    assert find_difference(LED, followed(1e-8, excess=[], is_complete=False), explained(1.0)) is not None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"losses": [1.0, 0.6]}, FailurePlace.LOSS),
        ({"losses": [1.0, np.nan]}, FailurePlace.LOSS),
        ({"largest": [{"a.kernel": np.inf}, {}]}, FailurePlace.WEIGHT),
        ({"validation": [0.8]}, FailurePlace.VALIDATION),
        ({"trained_outputs": [np.zeros(3)]}, FailurePlace.OUTPUTS),
    ],
)
def test_every_other_difference_from_common_weights_is_found(changes: dict, place: FailurePlace) -> None:
    failure = find_difference(LED, followed(**changes), [])
    assert failure is not None
    assert failure.place is place


@pytest.mark.parametrize(("apart", "passes"), [(5e-5, True), (2e-4, False)])
def test_two_sides_may_part_as_far_as_one_parts_from_itself_and_no_further(apart: float, passes: bool) -> None:
    strayed = [Strayed([1.0, 0.5], [1e-15, 1e-6]), Strayed([1.0, 0.5], [1e-15, 1e-7])]

    result = judge_free_run(FreeRun([0.0, 0.0], [1e-15, apart]), LED, followed(), strayed)

    assert result.passed == passes, result.detail


def test_what_rounding_has_left_no_digit_of_is_an_exception_and_not_compared() -> None:
    lost = [Strayed([1.0, 0.5], [1e-15, 5.0])] * 2

    result = judge_free_run(FreeRun([0.0, 0.0], [1e-15, 3e3]), LED, followed(), lost)

    assert result.passed
    assert [gap.detail[:16] for gap in result.gaps] == ["from step 2 on r"]
    assert not judge_free_run(FreeRun([0.0, 0.0], [1e-8, 3e3]), LED, followed(), lost).passed


def test_a_loss_may_differ_by_what_rounding_makes_of_it_and_no_more() -> None:
    moved = [Explained(losses=[1.0, 0.5 + 1e-7])]

    assert find_difference(LED, followed(losses=[1.0, 0.5 + 1e-7]), moved) is None
    assert find_difference(LED, followed(losses=[1.0, 0.5 + 1e-6]), moved) is not None
    assert find_difference(LED, followed(losses=[1.0, 0.6]), [Explained(losses=[1.0, 0.9])]) is not None


def test_sides_that_part_where_rounding_does_not_grow_are_refused() -> None:
    calm = [Strayed([1.0, 0.5], [1e-15, 1e-15])] * 2

    result = judge_free_run(FreeRun([0.0, 0.0], [1e-15, 1e-8]), LED, followed(), calm)

    assert not result.passed
    assert result.detail.startswith("step 2: left alone")


def test_only_weights_of_which_most_numbers_were_explained_are_exceptions() -> None:
    few, most = followed(1e-8), followed(1e-8)
    most.excess[0].size = 1
    strayed = [Strayed([1.0, 0.5], [1e-15, 1e-6])] * 2

    gaps = [judge_free_run(FreeRun([0.0, 0.0], [0.0, 0.0]), LED, one, strayed).gaps for one in (few, most)]

    assert gaps[0] == ()
    assert [gap.where for gap in gaps[1]] == ["a.kernel"]


def test_a_difference_of_the_first_step_that_no_rounding_makes_is_not_looked_at_again(tmp_path: Path) -> None:
    def nobody(*_: object) -> None:
        raise AssertionError

    off = side(trace(weights=[{"first.kernel": np.full((2, 2), 1.1)}, {"first.kernel": np.ones((2, 2))}]))
    failure = RungResult("training", False, "step 1: ...", 0.1, place=FailurePlace.WEIGHT, where="first.kernel")

    look = SecondLook(VerifyRequest(name="a:PAIR"), mixed("torch"), nobody, tmp_path)
    found = look.judge(mixed("keras:jax"), failure, side(), off)

    assert found is failure


def test_without_room_for_the_weights_the_failure_stays_and_says_what_is_needed(tmp_path: Path) -> None:
    off = side(trace(weights=[{"first.kernel": np.ones((2, 2))}, {"first.kernel": np.ones((2, 2))}]))
    failure = RungResult("training", False, "step 2: ...", 0.1, place=FailurePlace.WEIGHT, where="first.kernel")

    look = SecondLook(VerifyRequest(name="a:PAIR"), mixed("torch"), lambda *_: None, tmp_path)
    found = look.judge(mixed("keras:jax"), failure, side(), off)

    assert not found.passed
    assert "TMPDIR" in found.detail


def test_weights_are_not_written_to_a_disk_that_they_would_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type("Usage", (), {"free": 40})()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)

    with pytest.raises(NoRoomError):
        Trajectory(tmp_path / "steps").add({"a.kernel": np.ones(4)})
