"""Values and derivatives of the activations against mpmath, at 400 digits, from formulas written here again."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from mpmath import mp, mpf

from twotrack.shared.by_hand import activations

RELATIVE = 1e-12
"""Largest difference measured: 1.1e-13, of gelu at -37, where it is an exponential with the exponent -684."""
SMALLEST = 1e-307
"""Below it a float64 has fewer digits."""
POINTS = np.array([0.3e-12, 1e-3, 0.1, 0.5, 0.75, 1.0, 1.7, 2.5, 4.0, 6.0, 10.0, 20.0, 37.0, 100.0, 700.0])
GRID = np.concatenate([-POINTS[::-1], POINTS])
"""Without 0, which is a kink of some."""
ALPHA = 0.3


FORMULAS: dict[str, Callable[[mpf], mpf]] = {
    "none": lambda x: x,
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x: max(x, mpf("0.01") * x),
    "prelu": lambda x: max(x, ALPHA * x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": lambda x: (mpmath.exp(x) - mpmath.exp(-x)) / (mpmath.exp(x) + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
}
OURS = dict(activations.ELEMENTWISE) | {
    "prelu": (lambda x: activations.prelu(x, ALPHA), lambda x: activations.d_prelu(x, ALPHA)[0]),
    "silu": (activations.silu, activations.d_silu),
}


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(400):
        yield


def assert_close(found: np.ndarray, exact: list) -> None:
    np.testing.assert_allclose(found, np.array(exact, float), rtol=RELATIVE, atol=SMALLEST)


@pytest.mark.parametrize("name", FORMULAS)
def test_value_is_that_of_the_formula_up_to_700(name: str):
    with np.errstate(over="raise", invalid="raise"):
        found = OURS[name][0](GRID)

    assert_close(found, [FORMULAS[name](mpf(x)) for x in GRID])


@pytest.mark.parametrize("name", FORMULAS)
def test_derivative_is_that_of_the_formula_up_to_700(name: str):
    with np.errstate(over="raise", invalid="raise"):
        found = OURS[name][1](GRID)

    assert_close(found, [mpmath.diff(FORMULAS[name], mpf(x)) for x in GRID])


def test_derivative_of_prelu_in_alpha():
    _, found = activations.d_prelu(GRID, ALPHA)

    assert_close(found, [mpmath.diff(lambda alpha, x=x: max(mpf(x), alpha * x), ALPHA) for x in GRID])


def test_at_a_kink_the_derivative_is_the_one_from_the_left():
    zero, alpha = np.zeros(1), np.full(1, ALPHA)

    assert activations.d_relu(zero) == 0
    assert activations.d_leaky_relu(zero) == 0.01
    assert activations.d_prelu(zero, alpha) == (alpha, zero)


rows = hypothesis_numpy.arrays(np.float64, st.integers(1, 6), elements=st.floats(-700, 700))


def exact_softmax(x: list[mpf]) -> list[mpf]:
    powers = [mpmath.exp(one) for one in x]
    return [power / sum(powers) for power in powers]


@given(rows)
def test_softmax_is_its_formula(x: np.ndarray):
    assert_close(activations.softmax(x), exact_softmax(list(map(mpf, x))))


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=4), st.data())
def test_jacobian_of_softmax(x: list[float], data: st.DataObject):
    i, j = (data.draw(st.integers(0, len(x) - 1)) for _ in range(2))

    def s_i(x_j: mpf) -> mpf:
        return exact_softmax([*map(mpf, x[:j]), x_j, *map(mpf, x[j + 1 :])])[i]

    found = activations.d_softmax(np.array(x))[i, j]
    np.testing.assert_allclose(found, float(mpmath.diff(s_i, mpf(x[j]))), rtol=RELATIVE, atol=1e-16)


def test_softmax_and_its_jacobian_take_the_last_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))

    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(activations.softmax(x)[place], activations.softmax(x[place]))
        np.testing.assert_array_equal(activations.d_softmax(x)[place], activations.d_softmax(x[place]))


@given(st.lists(st.tuples(st.floats(-700, 700), st.floats(-700, 700)), min_size=1, max_size=4))
def test_swiglu_is_the_first_half_times_silu_of_the_second(pairs: list[tuple[float, float]]):
    a, b = np.array(pairs).T
    silu = FORMULAS["silu"]

    value, (d_a, d_b) = activations.swiglu(np.concatenate([a, b])), activations.d_swiglu(np.concatenate([a, b]))

    assert_close(value, [mpf(one) * silu(mpf(other)) for one, other in pairs])
    assert_close(d_a, [silu(mpf(other)) for _, other in pairs])
    assert_close(d_b, [mpf(one) * mpmath.diff(silu, mpf(other)) for one, other in pairs])
