"""Losses apart from any model: equal ones pass on every backend, and what parts at a size or in a batch is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from tests.support.probing import Compare, Probed, comparing, probe
from tests.support.turns import MOSTLY_QUICKEST, in_turn
from tests.verify.loss_pairs import HONEST, WRONG
from twotrack.shared.spec.probe import LossFacts, LossRun
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify import evidence
from twotrack.shared.verify.links import LINKS, link_of
from twotrack.shared.verify.loss_material import ALL, EVERY, LARGEST_VALUES, SIZES, LossCase, Outputs, loss_cases
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.rungs.loss_comparison import LossEvidence, compare_losses
from twotrack.shared.workers.pool import WorkerPool


@pytest.fixture(scope="module")
def compare(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    by_reference = comparing("loss", workers, tmp_path_factory.mktemp)
    return lambda pair, track: by_reference(f"tests.verify.loss_pairs:{pair}", track)


@pytest.mark.parametrize(("name", "track"), in_turn(WRONG, order=MOSTLY_QUICKEST))
def test_losses_that_part_are_told_where(name: str, track: str, compare: Compare) -> None:
    result = compare(f"WRONG_{list(WRONG).index(name)}", track)
    assert not result.passed
    assert result.detail.startswith("loss alone: on ")
    assert WRONG[name][1] in result.detail


@pytest.mark.parametrize(("name", "track"), in_turn(HONEST, order=MOSTLY_QUICKEST))
def test_losses_that_are_one_raise_no_alarm(name: str, track: str, compare: Compare) -> None:
    result = compare(f"HONEST_{list(HONEST).index(name)}", track)
    assert result.passed, result.detail
    expected = tuple(filter(None, HONEST[name][1].split("|")))
    assert all(gap.detail.startswith(expected) for gap in result.gaps), result.gaps


# === Against SciPy ===

Judge = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
"""Maps outputs and targets to the loss and its gradient."""


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    one_hot = np.eye(logits.shape[-1])[labels]
    loss = special.logsumexp(logits, axis=-1) - (one_hot * logits).sum(-1)
    return float(loss.mean()), (special.softmax(logits, axis=-1) - one_hot) / loss.size


def binary_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    loss = -(labels * special.log_expit(logits) + (1 - labels) * special.log_expit(-logits))
    return float(loss.mean()), (special.expit(logits) - labels) / loss.size


def huber(outputs: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    residuals = outputs - targets
    return float(special.huber(2.0, residuals).mean()), np.clip(residuals, -2.0, 2.0) / residuals.size


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    ("name", "judge"), [("cross-entropy", cross_entropy), ("binary", binary_cross_entropy), ("Huber", huber)]
)
def test_losses_and_gradients_are_those_of_scipy(
    name: str, judge: Judge, track: str, workers: WorkerPool, tmp_path: Path
) -> None:
    pair = f"tests.verify.loss_pairs:HONEST_{list(HONEST).index(name)}"
    asked = Probed("loss", VerifyRequest(name=pair).located(), track, tmp_path / "found", "float64")
    found = evidence.load(LossEvidence, workers.call(track, probe, asked))
    cases = loss_cases(found.outputs)
    assert len(cases) == len(found.runs) > 60
    for case, run in zip(cases, found.runs, strict=True):
        value, gradient = judge(case.scores[0], case.targets[0])
        assert run.value == pytest.approx(value, rel=1e-12, abs=1e-12), case.group
        np.testing.assert_allclose(run.gradients[0], gradient, rtol=1e-10, atol=1e-12, err_msg=case.group)


# === Without a framework ===

LOGITS = Outputs([(5,)], ["identity"], ["classes"])


def test_cases_go_from_tiny_to_extreme_with_every_class_in_batches_of_several_sizes() -> None:
    cases = loss_cases(LOGITS)
    assert {1, 2, 7} <= {case.batch_size for case in cases}
    assert {f"scores of {size:g}" for size in SIZES} <= {case.group for case in cases}
    assert {*np.concatenate([case.targets[0] for case in cases if case.group == EVERY])} == set(range(5))
    assert max(np.abs(case.scores[0]).max() for case in cases) > 1e4


def test_cases_are_the_same_in_every_process() -> None:
    for one, other in zip(loss_cases(LOGITS), loss_cases(LOGITS), strict=True):
        np.testing.assert_array_equal(one.scores[0], other.scores[0])


def test_scores_are_exact_in_float32() -> None:
    for case in loss_cases(LOGITS):
        np.testing.assert_array_equal(case.scores[0].astype(np.float32).astype(float), case.scores[0])


def test_large_outputs_get_fewer_batches_but_rows_of_all_sizes() -> None:
    large = Outputs([(64, 64, 64)], ["identity"], ["classes"])
    cases = loss_cases(large)
    assert sum(case.batch_size * large.size for case in cases) <= 3 * LARGEST_VALUES
    assert {ALL, "scores of 1"} <= {case.group for case in cases}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_found_from_its_outputs_and_pulls_gradients_back(link: str) -> None:
    generator = np.random.default_rng(0)
    scores, weights = generator.normal(size=(2, 40, 3))
    outputs = LINKS[link].outputs(scores)
    assert link_of([outputs]) == link
    if link == "positive":  # gradients are compared as they are
        return
    pulled, step = LINKS[link].pull(outputs, weights), 1e-6
    for number in range(3):
        moved = scores + step * np.eye(3)[number], scores - step * np.eye(3)[number]
        up, down = ((weights * LINKS[link].outputs(one)).sum(-1) for one in moved)
        np.testing.assert_allclose(pulled[:, number], (up - down) / (2 * step), atol=1e-8)


def shown(change: Callable[[LossCase, LossRun], LossRun] = lambda _, run: run) -> dict:
    """Return the evidence of exact squares of the outputs, each changed."""
    outputs = Outputs([(2,)], ["identity"], ["real"])

    def run(case: LossCase) -> LossRun:
        residuals = case.scores[0] - case.targets[0]
        return change(case, LossRun(float((residuals**2).mean()), [2 * residuals / residuals.size], []))

    return {"float64": LossEvidence(outputs, LossFacts(None, 1e-7, (0,), (False,)), [*map(run, loss_cases(outputs))])}


def of(group: str, **changes: object) -> Callable[[LossCase, LossRun], LossRun]:
    return lambda case, run: replace(run, **changes) if case.group == group else run


def test_equal_losses_pass() -> None:
    result = compare_losses(shown(), shown())
    assert (result.passed, result.gaps, result.difference) == (True, (), 0.0)
    assert result.counts["losses alone"] > 60


def scaled(group: str, by: float) -> Callable[[LossCase, LossRun], LossRun]:
    return lambda case, run: replace(run, value=run.value * (1 + by)) if case.group == group else run


@pytest.mark.parametrize(("by", "passes"), [(1e-13, True), (1e-9, False)])
def test_an_ordinary_loss_is_compared_relative_to_its_own_size(by: float, passes: bool) -> None:
    result = compare_losses(shown(), shown(scaled("residuals of 1", by)))
    assert (result.passed, result.gaps) == (passes, ())


@pytest.mark.parametrize(("by", "passes", "gaps"), [(1e-13, True, 0), (1e-9, True, 1), (1e-6, False, 0)])
def test_an_extreme_loss_is_too_but_for_what_float32_cannot_tell(by: float, passes: bool, gaps: int) -> None:
    result = compare_losses(shown(), shown(scaled("residuals of 1e+06", by)))
    assert (result.passed, len(result.gaps)) == (passes, gaps)


def test_a_gradient_is_compared_where_the_loss_agrees() -> None:
    def changed(case: LossCase, run: LossRun) -> LossRun:
        return replace(run, gradients=[1.001 * run.gradients[0]]) if case.group == "residuals of 10" else run

    result = compare_losses(shown(), shown(changed))
    assert not result.passed
    assert "on residuals of 10 the gradient of the loss differs by 1.0e-03" in result.detail


def test_no_number_on_one_side_is_an_exception_at_extremes_only() -> None:
    result = compare_losses(shown(), shown(of("residuals of 1e+06", value=np.inf)))
    assert (result.passed, [gap.detail.partition(":")[0] for gap in result.gaps]) == (True, ["Keras's loss overflows"])
    assert not compare_losses(shown(), shown(of("residuals of 1", value=np.nan))).passed


@pytest.mark.parametrize(("by", "in_doubt"), [(1e-13, False), (1e-9, True)])
def test_a_loss_that_differs_leaves_a_doubt_until_float32_was_looked_at(by: float, in_doubt: bool) -> None:
    one, other = shown(), shown(scaled("residuals of 1", by))
    assert compare_losses(one, other).in_doubt is in_doubt
    ones = [case.batch_size == 1 for case in loss_cases(one["float64"].outputs)]
    runs = [run for run, is_one in zip(one["float64"].runs, ones, strict=True) if is_one]
    single = {"float32": replace(one["float64"], runs=runs)}
    assert not compare_losses(one | single, other | single).in_doubt


def test_no_number_on_both_sides_is_equal() -> None:
    both = shown(of("residuals of 1", value=np.nan))
    assert compare_losses(both, both).passed


def test_what_one_side_refuses_is_an_exception() -> None:
    result = compare_losses(shown(of("residuals of 1", error="ValueError: no")), shown())
    assert (result.passed, len(result.gaps)) == (True, 1)
    assert "raises ValueError: no" in result.gaps[0].detail
