"""What is fitted to losses is found again, and nothing is found where nothing fits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twotrack.shared.verify.diagnosis import loss_fits

FACTORS = st.floats(0.01, 100).map(lambda value: float(f"{value:.4g}"))


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(0.1, 5, shape)


@given(factor=FACTORS, power=st.sampled_from([-1, 0, 1]))
def test_a_factor_and_a_power_of_the_batch_size_are_found(factor: float, power: int) -> None:
    losses, sizes = _drawn(12), np.array([1, 2, 7] * 4)
    assert loss_fits.power_law(factor * sizes.astype(float) ** power * losses, losses, sizes) == (factor, power)


def test_no_factor_is_found_between_unlike_losses() -> None:
    losses, sizes = _drawn(12), np.array([1, 2, 7] * 4)
    assert loss_fits.power_law(losses**2, losses, sizes) is None


@given(share=st.floats(-0.5, 0.9).map(lambda value: round(value, 3)).filter(bool))
def test_a_share_of_another_loss_is_found(share: float) -> None:
    first, second = _drawn(9), _drawn(9, 1)[:, 0]
    assert loss_fits.share((1 - share) * first + share * second, first, second) == share


def test_no_share_is_found_of_a_loss_that_is_not_mixed_in() -> None:
    first, second = _drawn(9), _drawn(9, 1)[:, 0]
    assert loss_fits.share(first**2, first, second) is None


@given(factors=st.lists(FACTORS, min_size=2, max_size=4))
def test_the_weights_of_outputs_are_found(factors: list[float]) -> None:
    parts = _drawn(20, len(factors))
    assert loss_fits.combination(parts @ np.array(factors), parts) == pytest.approx(factors, rel=1e-9)


@given(weights=st.lists(st.floats(1, 9).map(lambda value: round(value, 2)), min_size=2, max_size=4))
def test_weights_whose_sum_divides_are_found_up_to_a_factor(weights: list[float]) -> None:
    own, counts = np.array(weights), np.random.default_rng(0).integers(0, 4, (30, len(weights))).astype(float)
    counts[:, 0] += 1
    sums = counts * _drawn(30, len(weights))
    found = loss_fits.mean_weights((sums @ own) / (counts @ own), sums, counts)
    assert found == pytest.approx(own / own.min(), rel=1e-6)
