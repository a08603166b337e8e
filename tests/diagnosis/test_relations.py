"""What makes one value of another is found from their numbers, and only where it holds."""

from collections.abc import Callable

import numpy as np
import pytest

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import AddValue, MapValue
from twotrack.shared.verify.diagnosis.relations import (
    Known,
    Place,
    added,
    fitted,
    named_factor,
    order_of,
    relations,
    taken,
)

PLACE = Place("dense", "inputs")
NOTHING_KNOWN = Known({}, {}, {})
X = np.random.default_rng(0).normal(size=(8, 5, 4, 6))


def first(torch: np.ndarray, keras: np.ndarray, known: Known = NOTHING_KNOWN) -> Candidate:
    return next(iter(relations(PLACE, torch, keras, known)))


def mapped(candidate: Candidate) -> tuple[str, dict]:
    change = candidate.changes[0]
    assert isinstance(change, MapValue)
    assert (change.path, change.role) == ("dense", "inputs")
    return change.function.name, change.function.parameters


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 / 255, 0.37])
def test_a_constant_factor_is_fitted(factor: float) -> None:
    name, parameters = mapped(first(X, factor * X))
    assert name == "scale"
    assert parameters["factor"] == pytest.approx(factor, rel=1e-12)


def test_a_factor_is_named_by_what_it_is_made_of() -> None:
    assert named_factor(8.0, {"key size": 64.0}) == "8 (sqrt(key size))"
    assert named_factor(1.25, {"rate": 0.2}) == "1.25 (1 / (1 - rate))"
    assert named_factor(1 / 255, {}).endswith("(1 / 255)")
    assert named_factor(0.123456789, {}) == "0.123456789"


@pytest.mark.parametrize("offset", [0.5, np.array([1.0, 2.0, 3.0, -1.0, 0.0, 7.0])])
def test_a_constant_offset_is_found_by_channel(offset: float | np.ndarray) -> None:
    name, parameters = mapped(first(X, X + offset))
    assert name == "offset"
    assert np.allclose(parameters["by"], offset, rtol=0, atol=1e-12)


def test_a_bias_that_one_side_adds_again_is_called_by_its_name() -> None:
    bias = np.random.default_rng(1).normal(size=6)
    known = Known({}, {"conv.bias": bias}, {})
    assert "Keras adds 'conv.bias'" in first(X, X + bias, known).what
    assert "torch adds 'conv.bias'" in first(X, X - bias, known).what


@pytest.mark.parametrize(("sign", "told"), [(1, "Keras adds what 'skip' gives"), (-1, "torch adds what 'skip' gives")])
def test_an_earlier_value_that_one_side_adds_is_found(sign: int, told: str) -> None:
    skip = np.random.default_rng(2).normal(size=X.shape)
    candidate = first(X, X + sign * skip, Known({Place("skip", "outputs"): skip}, {}, {}))
    assert isinstance(candidate.changes[0], AddValue)
    assert told in candidate.what


ORDERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "axes exchanged": (lambda x: x.transpose(0, 2, 1, 3), "axes (1, 0, 2)"),
    "channels first": (lambda x: np.moveaxis(x, -1, 1).reshape(8, -1), "axes (2, 0, 1)"),
    "reversed": (lambda x: x[:, ::-1], "is reversed"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_same_numbers_in_another_order_are_recognised(name: str) -> None:
    turn, told = ORDERS[name]
    candidate = first(X, turn(X))
    function, parameters = mapped(candidate)
    assert function == "order"
    assert told in candidate.what
    reordered = X.reshape(8, -1)[:, list(parameters["order"])].reshape(8, *parameters["shape"])
    assert np.array_equal(reordered, turn(X))


def test_columns_that_are_equal_are_in_any_order() -> None:
    torch = np.array([[1.0, 0.0, 0.0, 2.0], [3.0, 0.0, 0.0, 4.0]])
    order = order_of(torch, torch[:, [3, 1, 2, 0]])
    assert order is not None
    assert np.array_equal(torch[:, order], torch[:, [3, 1, 2, 0]])
    assert order_of(torch, torch + 1) is None


@pytest.mark.parametrize("widths", [((0, 1), (0, 0)), ((1, 0), (0, 2)), ((-1, 0), (0, 0))])
def test_rows_that_one_side_has_at_its_ends_are_found(widths: tuple[tuple[int, int], ...]) -> None:
    kept = X[:, max(0, -widths[0][0]) :]
    pads = [(0, 0), *((max(0, front), max(0, behind)) for front, behind in widths), (0, 0)]
    assert mapped(first(X, np.pad(kept, pads))) == ("pad", {"widths": widths})


@pytest.mark.parametrize(
    ("reduce", "told"),
    [
        (lambda x: x[:, -1], "the last step along axis 1"),
        (lambda x: x[:, :, 0], "the first step along axis 2"),
        (lambda x: x.mean(1), "the mean over axis 1"),
        (lambda x: x.max(2), "the max over axis 2"),
    ],
)
def test_a_step_or_a_mean_is_found_of_the_value_and_of_earlier_ones(
    reduce: Callable[[np.ndarray], np.ndarray], told: str
) -> None:
    keras = reduce(X)
    assert told in first(X, keras).what
    (earlier,) = taken(PLACE, keras, {Place("before", "outputs"): X})
    assert told in earlier.what
    change = earlier.changes[0]
    assert isinstance(change, AddValue)
    assert (change.own, change.source) == (0.0, "before")


@pytest.mark.parametrize(
    "other", [X**2, np.random.default_rng(3).normal(size=X.shape), X + 1e-6 * X**3, X[:, :, :, :5], X[:4]]
)
def test_nothing_is_found_where_there_is_nothing(other: np.ndarray) -> None:
    assert not list(relations(PLACE, X, other, NOTHING_KNOWN))


def test_equal_values_have_no_cause() -> None:
    assert not list(relations(PLACE, X, X, NOTHING_KNOWN))


def test_a_factor_must_fit_everywhere() -> None:
    almost = 3 * X
    almost[0, 0, 0, 0] += 1e-6
    assert fitted(X, 3 * X) == pytest.approx(3.0)
    assert fitted(X, almost) is None


def test_a_sum_with_a_whole_factor_is_said_plainly() -> None:
    source = Place("skip", "outputs")
    assert (
        added(PLACE, source, 1.0 + 1e-12).what
        == "Keras adds what 'skip' gives to what 'dense' is given, torch does not"
    )
    assert "0.5 times" in added(PLACE, source, -0.5).what
