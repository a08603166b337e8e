"""Optimizers apart from any model: equal ones pass on every track, and what parts late or seldom is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.probing import Compare, comparing
from tests.support.turns import BACKENDS, MOSTLY_QUICKEST, in_turn
from tests.verify.optimizer_pairs import HELD_HONEST, HELD_WRONG, HONEST, LATE, SHARED, WRONG
from twotrack.shared import chapters
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import ChapterExercise
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.optimizer_material import CHECKPOINTS, STEPS, choose, draw_gradients
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.rungs.optimizer import OptimizerEvidence, compare_optimized
from twotrack.shared.workers.pool import WorkerPool


@pytest.fixture(scope="module")
def compare(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    by_reference = comparing("optimizer", workers, tmp_path_factory.mktemp)
    return lambda pair, track: by_reference(f"tests.verify.optimizer_pairs:{pair}", track)


@pytest.fixture(scope="module")
def compare_soon(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    """Compare over 200 steps, for what shows at every step."""
    by_reference = comparing("optimizer", workers, tmp_path_factory.mktemp, optimizer_steps=200)
    return lambda pair, track: by_reference(f"tests.verify.optimizer_pairs:{pair}", track)


@pytest.mark.parametrize(("pair", "track"), in_turn(SHARED))
def test_a_shared_optimizer_is_the_same_on_every_track_over_all_steps(pair: str, track: str, compare: Compare) -> None:
    result = compare(pair, track)
    assert result.passed, result.detail
    assert result.detail == "2,000 steps of 15 values that stand for 2 weights, 2,000 learning rates compared"


@pytest.mark.parametrize(("pair", "track"), in_turn(HONEST, order=MOSTLY_QUICKEST))
def test_optimizers_of_users_that_are_one_raise_no_alarm(
    pair: str, track: str, compare: Compare, compare_soon: Compare
) -> None:
    result = (compare if pair in LATE else compare_soon)(pair, track)
    assert result.passed, result.detail


@pytest.mark.slow
@pytest.mark.parametrize("track", BACKENDS)
@pytest.mark.parametrize("pair", [pair for pair in HONEST if pair not in LATE])
def test_they_raise_no_alarm_over_all_steps(pair: str, track: str, compare: Compare) -> None:
    result = compare(pair, track)
    assert result.passed, result.detail


@pytest.mark.parametrize(("pair", "track"), in_turn(WRONG, order=MOSTLY_QUICKEST))
def test_optimizers_that_part_are_told_by_the_first_checkpoint(
    pair: str, track: str, compare: Compare, compare_soon: Compare
) -> None:
    result = (compare if pair in LATE else compare_soon)(pair, track)
    assert not result.passed
    assert result.detail.startswith(f"optimizer alone, step {WRONG[pair]}: '{result.where}' differs by"), result.detail


@pytest.mark.parametrize(("pair", "track"), in_turn(HELD_WRONG))
def test_a_penalty_or_constraint_that_one_side_lacks_is_told(pair: str, track: str, compare_soon: Compare) -> None:
    result = compare_soon(pair, track)
    assert not result.passed
    assert result.where == "dense1.kernel", result.detail


@pytest.mark.parametrize(("pair", "track"), in_turn(HELD_HONEST))
def test_equal_updates_pass_wherever_penalties_and_constraints_stand(
    pair: str, track: str, compare_soon: Compare
) -> None:
    result, exception = compare_soon(pair, track), HELD_HONEST[pair][1]
    assert result.passed, result.detail
    assert len(result.gaps) == bool(exception)
    assert all(gap.detail.startswith(exception) for gap in result.gaps)


def test_a_penalty_of_equal_updates_passes_every_rung(ladder: Ladder) -> None:
    for result in ladder.climb(
        VerifyRequest(name="tests.verify.optimizer_pairs:BY_PLACE", causes="none"), lambda *_: None
    ):
        assert result.passed, result.rungs[-1].detail
        gradients = next(rung for rung in result.rungs if rung.rung == "gradients")
        assert "without the penalties of 1 weights that Keras adds to its loss" in gradients.detail


def test_an_optimizer_that_does_not_run_on_stand_ins_is_an_exception(compare: Compare) -> None:
    result = compare("CHOOSY", "keras:tensorflow")

    (gap,) = result.gaps
    assert (result.passed, gap.where) == (True, "optimizer")
    assert gap.detail.startswith("it does not run on stand-ins of the weights (")


def test_the_step_is_named_from_which_on_learning_rates_part(compare: Compare) -> None:
    detail = compare("DROPPED_LATE", "keras:tensorflow").detail
    assert detail.endswith("from step 1,501 on the learning rate is 0.001 in Keras, 0.01 in torch")


def test_the_ladder_stops_at_the_optimizer_on_every_backend(ladder: Ladder) -> None:
    results = ladder.climb(VerifyRequest(name="tests.verify.optimizer_pairs:CLIPPED", causes="none"), lambda *_: None)
    assert [(result.track, result.rungs[-1].rung, result.passed) for result in results] == [
        (track, "optimizer", False) for track in BACKENDS
    ]


def test_sophia_passes_and_says_where_it_is_compared(ladder: Ladder) -> None:
    request = VerifyRequest(name="tests.verify.optimizer_pairs:SOPHIA")
    (result,) = ladder.climb(request, lambda *_: None, ["keras:tensorflow"])
    assert result.passed
    details = {rung.rung: rung.detail for rung in result.rungs}
    assert details["optimizer"] == "2,000 learning rates compared"
    assert [gap.detail for gap in result.certificate.gaps if gap.where == "optimizer"] == [
        "Sophia needs a model's curvature: its steps are compared in training only"
    ]
    assert "20 steps" in details["training"]


# === Without a framework ===


SHAPES = {"embedding.embeddings": (12, 8), "hidden.kernel": (8, 12), "hidden.bias": (12,)}


def test_every_kind_of_weight_has_a_stand_in_of_its_own_shape_unless_it_is_large() -> None:
    trained = {f"block{n}.{name}": shape for n in range(9) for name, shape in (("kernel", (40, 40)), ("bias", (5,)))}
    chosen = choose(trained | {"head.kernel": (5, 3), "embedding.embeddings": (30_000, 64)})
    assert len(chosen) == 12
    assert chosen["head.kernel"] == (5, 3)
    assert chosen["embedding.embeddings"] == (4, 4)
    assert all(shape == (4, 4) for name, shape in chosen.items() if name.startswith("block") and len(shape) == 2)
    assert {name for name in chosen if name.endswith("bias")} >= {"block0.bias", "block8.bias"}


def test_few_weights_all_have_stand_ins() -> None:
    assert choose(SHAPES) == SHAPES


def test_gradients_are_of_every_kind() -> None:
    for name, gradients in draw_gradients(SHAPES, STEPS).items():
        sizes = np.abs(gradients.reshape(STEPS, -1))
        largest = sizes.max(axis=0)
        assert (sizes.max(axis=1) == 0).any(), "a step without any gradient"
        assert largest.max() > 1e5, name
        assert 0 < largest[largest > 0].min() < 1e-5, name
    assert np.abs(draw_gradients(SHAPES, STEPS)["embedding.embeddings"]).sum(axis=(0, 2))[-1] == 0, (
        "a row that nothing looks up"
    )


def test_gradients_are_the_same_in_every_process() -> None:
    for name, gradients in draw_gradients(SHAPES, STEPS).items():
        np.testing.assert_array_equal(gradients, draw_gradients(SHAPES, STEPS)[name])


def trace() -> OptimizerEvidence:
    parameters = [{"a.kernel": np.ones((2, 2)), "a.bias": np.full(2, 100.0)} for _ in CHECKPOINTS]
    return OptimizerEvidence(parameters=parameters, learning_rates=[0.1] * STEPS, planned_rates=[0.1] * 3000)


def shifted(checkpoint: int, name: str, by: float) -> OptimizerEvidence:
    moved = trace()
    moved.parameters[CHECKPOINTS.index(checkpoint)][name] += by
    return moved


def test_equal_runs_pass() -> None:
    result = compare_optimized(trace(), trace())
    assert (result.passed, result.difference) == (True, 0.0)


@pytest.mark.parametrize(("by", "passes"), [(1e-12, True), (1e-10, False)])
def test_a_parameter_is_compared_relative_to_its_largest_value(by: float, passes: bool) -> None:
    assert compare_optimized(trace(), shifted(101, "a.kernel", by)).passed is passes
    assert compare_optimized(trace(), shifted(101, "a.bias", 100 * by)).passed is passes


def test_a_small_number_is_not_drowned_by_a_large_one_of_its_parameter() -> None:
    one, other = trace(), trace()
    for run in (one, other):
        run.parameters[-1]["a.bias"][0] = 1e9
    other.parameters[-1]["a.bias"][1] += 1e-8
    result = compare_optimized(one, other)
    assert (result.passed, result.where) == (False, "a.bias")


def test_a_number_that_comes_near_zero_is_compared_relative_to_what_it_was() -> None:
    one, other = trace(), trace()
    one.parameters[-1]["a.bias"][0], other.parameters[-1]["a.bias"][0] = 1e-12, 2e-12
    assert compare_optimized(one, other).passed


def test_a_parameter_that_is_not_finite_fails() -> None:
    result = compare_optimized(shifted(5, "a.kernel", np.nan), shifted(5, "a.kernel", np.nan))
    assert (result.passed, result.where) == (False, "a.kernel")
    assert result.detail == "optimizer alone, step 5: 'a.kernel' has NaN or infinity"


def test_learning_rates_are_not_blamed_for_what_was_there_before_them() -> None:
    late = replace(shifted(5, "a.kernel", 1.0), learning_rates=[0.1] * 5 + [0.2] * (STEPS - 5))
    assert "learning rate" not in compare_optimized(trace(), late).detail


def test_a_planned_learning_rate_after_the_last_step_is_compared() -> None:
    other = replace(trace(), planned_rates=[0.1] * 2500 + [0.05] * 500)
    result = compare_optimized(trace(), other)
    assert not result.passed
    assert "from step 2,501 on the learning rate is 0.05 in Keras, 0.1 in torch" in result.detail


def test_planned_steps_without_a_learning_rate_fail() -> None:
    result = compare_optimized(trace(), replace(trace(), planned_rates=[0.1] * 2999))
    assert (result.passed, result.detail) == (False, "2,999 steps have a learning rate in Keras, 3,000 in torch")


def test_a_run_of_a_chapter_is_planned_with_all_of_its_data_and_epochs() -> None:
    variant = chapters.get("churn_mlp").variant("fast", {})
    ((optimizer, rates),) = ChapterExercise(variant).planned()
    assert optimizer == variant.recipe.optimizer
    assert len(rates) == variant.recipe.epochs * (len(variant.data().train) // variant.recipe.batch_size)


def test_a_trace_keeps_what_the_optimizer_did(tmp_path: Path) -> None:
    back = evidence.load(OptimizerEvidence, evidence.save(trace(), tmp_path / "trace"))
    assert (back.learning_rates, back.planned_rates) == (trace().learning_rates, trace().planned_rates)
    np.testing.assert_array_equal(back.parameters[-1]["a.bias"], trace().parameters[-1]["a.bias"])
