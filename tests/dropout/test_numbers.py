"""The numbers that both sides draw: their distribution, apart by step and by draw, and alike where they must be."""

import numpy as np
import pytest
from scipy import stats

from twotrack.shared.spec.draws import Counterpart, SharedDraws, draw_numbers, keeps


@pytest.mark.parametrize(("base", "distribution"), [("uniform", "uniform"), ("normal", "norm")])
def test_they_have_their_distribution(base: str, distribution: str) -> None:
    numbers = draw_numbers(base, 20_000, 0, 3, 1)

    assert stats.kstest(numbers, distribution).pvalue > 1e-3


def test_a_rate_drops_its_share() -> None:
    kept = keeps(draw_numbers("uniform", 100_000, 0, 0, 0), 0.7).sum()

    assert stats.binomtest(int(kept), 100_000, 0.7).pvalue > 1e-3


def test_draws_steps_and_seeds_are_independent() -> None:
    size = 20_000
    streams = [draw_numbers("uniform", size, *place) for place in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]]

    correlations = np.corrcoef(streams)[np.triu_indices(4, 1)]

    assert np.abs(correlations).max() < 4 / np.sqrt(size)


def test_a_uniform_number_is_below_1_in_float32_too() -> None:
    assert draw_numbers("uniform", 1_000_000, 0, 0, 0).astype("float32").max() < 1


def test_a_source_gives_a_step_its_own_numbers_and_every_process_the_same() -> None:
    first, second = SharedDraws(0), SharedDraws(0)
    before = first.numbers("uniform", (2, 3), 0)
    first.advance()

    np.testing.assert_array_equal(second.numbers("uniform", (2, 3), 0), before)
    assert not np.array_equal(first.numbers("uniform", (2, 3), 0), before)


def test_what_is_undone_leaves_no_trace() -> None:
    """As after a warm-up: the framework's generator is back where it was, and so is the source."""
    source = SharedDraws(0)
    mark = source.mark()
    warm = source.numbers("normal", (4,), 0, b"state")
    source.advance()
    source.go_back(mark)

    np.testing.assert_array_equal(source.numbers("normal", (4,), 0, b"state"), warm)
    assert source.repeats == {}


def test_a_generator_that_is_seeded_again_gives_the_numbers_of_its_first_use() -> None:
    source = SharedDraws(0)
    first = source.numbers("uniform", (4,), 0, b"seed 3")
    fresh = source.numbers("uniform", (4,), 1, b"other")
    source.advance()

    np.testing.assert_array_equal(source.numbers("uniform", (4,), 0, b"seed 3"), first)
    assert not np.array_equal(source.numbers("uniform", (4,), 1, b"further"), fresh)
    assert source.repeats == {0: (0, 0)}


def test_an_alignment_gives_the_other_draws_numbers_in_the_own_order_of_axes() -> None:
    other = SharedDraws(0).numbers("uniform", (8, 6, 5), 2)

    own = SharedDraws(0, {0: Counterpart(2, (0, 2, 1))}).numbers("uniform", (8, 5, 6), 0)

    np.testing.assert_array_equal(own, other.transpose(0, 2, 1))


def test_mirrored_numbers_have_the_same_distribution() -> None:
    uniform = SharedDraws(0, {0: Counterpart(0, mirrored=True)}).numbers("uniform", (20_000,), 0)

    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert uniform.max() < 1
