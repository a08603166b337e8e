"""Verdicts on series whose truth is known: false alarms, faults that must be found, and exact cases.

The full simulation is `python -m tests.logs.simulation`; here are few repetitions of it, with bounds that chance passes
less than once in 10,000 times.
"""

import re

import numpy as np
import pytest
from scipy import stats

from tests.logs import processes, simulation
from tests.logs.simulation import examined, rates
from twotrack.shared.logs import noise, parting

QUICK, FEW = 40, 10


def most(repetitions: int, rate: float) -> float:
    """Return the share of false alarms that chance exceeds less than once in 10,000 times, at a true rate."""
    return float(stats.binom.ppf(1 - 1e-4, repetitions, rate)) / repetitions


@pytest.mark.parametrize("name", simulation.NULLS)
@pytest.mark.parametrize("points", [30, 150])
def test_two_logs_of_one_process_part_no_more_often_than_is_stated(name: str, points: int):
    found = rates(simulation.NULLS[name](points), QUICK, seed=1)

    assert found.parts <= most(QUICK, 2 * simulation.LEVEL)


def test_two_seeds_of_a_real_training_part_no_more_often_than_is_stated():
    assert rates(simulation.descents(rate=0.02), FEW, seed=1).parts <= most(FEW, simulation.LEVEL)


@pytest.mark.parametrize(
    ("draw", "at", "least"),
    [
        (simulation.shifted("normal", 300, 1.0, 0.5, falls=False), 150, 0.9),
        (simulation.shifted(simulation.HEAVY, 300, 2.0, 0.5, falls=False), 150, 0.7),
        (simulation.shifted("correlated 0.5", 300, 1.5, 0.5, falls=False), 150, 0.9),
        (simulation.sloped(300, 3.0), 150, 0.9),
        (simulation.restarted(300, 10.0), 150, 0.8),
        (simulation.descents(60, 0.01), 60, 0.9),
    ],
    ids=["shift", "heavy tails", "correlated", "slope", "restart", "learning rate"],
)
def test_a_difference_that_is_there_is_found_and_not_before_it_begins(draw: simulation.Pair, at: int, least: float):
    found = rates(draw, FEW, seed=2, at=at)

    assert found.parts >= least
    assert found.early == 0


def test_the_correlation_is_that_of_the_process_and_a_shift_is_none():
    generator = np.random.default_rng(0)
    values = processes.autoregressive(generator, 4000, 0.7)
    white = generator.normal(size=4000)
    white[2000:] += 3

    assert noise.correlation(values).likely == pytest.approx(0.7, abs=4 * np.sqrt((1 - 0.7**2) / 4000))
    assert noise.correlation(white).likely < 4 / np.sqrt(4000)


def test_the_noise_of_a_step_is_that_of_the_process_whatever_the_trend():
    """The median of 4,000 second differences, which correlate by -2/3 and 1/6, has a standard error of 2.6 %."""
    values = processes.curve(4000) + 0.05 * np.random.default_rng(0).normal(size=4000)

    assert noise.step_noise(values) == pytest.approx(0.05, rel=4 * 0.026)


def test_a_p_value_is_that_of_the_sign_test_where_only_one_window_fits():
    """Twelve equal differences: only the two orders of one sign have as large a sum."""
    whitened = np.ones(12)
    blocks, windows = whitened, np.array([[0, 12]])
    largest = parting._largest_by_chance(blocks, windows, np.sqrt(12), seed=0)

    assert (largest >= np.sqrt(12) - parting.SAME).mean() == pytest.approx(2 / 2**12, abs=3e-4)


def test_too_few_points_are_undecided_even_if_they_are_the_same():
    values = processes.curve(11)

    assert examined(values, values).status == "undecided"
    assert "equal to the last digit at all 11 points" in examined(values, values).detail


def test_a_difference_that_wanders_is_undecided():
    generator = np.random.default_rng(3)
    first, second = (np.cumsum(generator.normal(size=60)) for _ in range(2))

    found = examined(first, second)

    assert found.status == "undecided"
    assert "repeat with other seeds" in found.detail


def test_equal_logs_are_equal_and_one_changed_digit_is_the_first_step():
    values = processes.curve(100)
    other = values.copy()
    other[60:] *= 1.01

    assert examined(values, values).status == "equal"
    found = examined(values, other)
    assert (found.status, found.first, found.exact, found.equal_until) == ("parts", 61.0, True, 60.0)


def test_the_same_initial_weights_alone_are_no_twins():
    first, second = (processes.descent(np.random.default_rng(seed), start=7) for seed in (1, 2))
    first[0] = second[0]

    assert examined(first, second).status == "within noise"


def test_differences_that_grow_from_rounding_are_rounding():
    generator = np.random.default_rng(4)
    first = processes.curve(400) * generator.lognormal(sigma=0.2, size=400)
    growth = 1e-7 * np.exp(np.arange(400) / 60)
    second = first * (1 + growth * generator.normal(size=400))

    found = examined(first, second)

    assert found.status == "rounding"
    assert "doubling every" in found.detail
    slope = 1.11 / np.sqrt(400) / (400 / np.sqrt(12))  # standard error: the log of a normal's size deviates by 1.11
    doubling = float(found.detail.split("doubling every ")[1].split()[0])
    assert doubling == pytest.approx(60 * np.log(2), rel=4 * slope * 60)


def test_a_jump_out_of_rounding_is_the_exact_step_and_no_rounding():
    generator = np.random.default_rng(5)
    first = processes.curve(400) * generator.lognormal(sigma=0.2, size=400)
    second = first * (1 + 1e-7 * generator.normal(size=400))
    second[250:] *= 1.02

    found = examined(first, second)

    assert (found.status, found.first, found.exact) == ("parts", 251.0, True)


def test_a_loss_that_is_no_number_on_one_side_parts_there():
    first, second = processes.pair("normal", np.random.default_rng(6), 100)
    second[70:] = np.nan

    found = examined(first, second)

    assert (found.status, found.first) == ("parts", 71.0)
    assert "the second is nan from step 71 on" in found.detail


def test_noise_below_the_digits_of_a_rounded_log_is_no_twin():
    """Accuracies of few examples are equal by chance."""
    generator = np.random.default_rng(7)
    first, second = (np.round(0.5 + 0.01 * generator.normal(size=40), 2) for _ in range(2))

    assert examined(first, second).status in {"within noise", "undecided"}


@pytest.mark.parametrize(
    ("change", "kind", "value"),
    [
        (lambda loss: 64 * loss, "factor", 64),
        (lambda loss: loss + 0.75, "constant sum", 0.75),
        (lambda loss: loss / np.log(2), "factor", 1.4427),
    ],
)
def test_another_unit_is_recognised_with_its_evidence(change, kind: str, value: float):
    first, second = processes.pair("normal", np.random.default_rng(8), 500, spread=0.05)

    found = examined(first, change(second))

    assert found.status == "parts"
    estimate = re.search(rf"a {kind} of ([\d.]+) ± ([\d.]+)", found.relation)
    assert estimate
    middle, error = map(float, estimate.groups())
    assert middle == pytest.approx(value, abs=error)
    assert error < 0.03 * value


def test_a_worse_training_is_no_other_unit():
    generator = np.random.default_rng(9)
    first, second = processes.pair("normal", generator, 500, spread=0.05)
    second[100:] += 0.3 * (1 - np.exp(-np.arange(400) / 100))

    found = examined(first, second)

    assert (found.status, found.relation) == ("parts", "")


def test_a_head_start_alone_is_no_parting_but_is_said():
    generator = np.random.default_rng(10)
    curve = processes.curve(1200)
    first, second = (values + 0.02 * generator.normal(size=600) for values in (curve[:600], curve[50:650]))

    found = examined(first, second)

    assert found.status == "within noise"
    assert "a head start, as another seed may have, explains what noise alone does not" in found.notes[0]


def test_with_one_seed_a_head_start_explains_nothing():
    """The same first loss, and the same batches, whose noise both logs share."""
    generator = np.random.default_rng(11)
    shared = 0.05 * generator.normal(size=600)
    curve = processes.curve(1200)
    first = curve[:600] + shared
    second = curve[np.round(np.arange(600) * 1.1).astype(int)] + shared + 0.002 * generator.normal(size=600)
    second[0] = first[0]

    assert examined(first, second).status == "parts"
