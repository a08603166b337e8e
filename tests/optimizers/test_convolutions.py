"""In float64 JAX hands XLA convolutions by groups as sums; they stay what they are."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from scipy.signal import correlate

from tests.optimizers.convolution_tasks import Asked, Convolved, convolve
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.workers.pool import WorkerPool


class Case(NamedTuple):
    """Of 2 images of 5 x 4 places."""

    groups: int
    inputs: int
    """Channels of a group."""
    outputs: int
    """Of a group."""
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((1, 1), (1, 1))
    lhs_dilation: tuple[int, int] = (1, 1)
    rhs_dilation: tuple[int, int] = (1, 1)
    left: tuple[int, int, int] = (0, 0, 0)
    """Convolutions that XLA is given for the result and for both gradients."""


CASES = {
    "by channel": Case(3, 1, 1),
    "several outputs of a channel": Case(3, 1, 2),
    "steps of other lengths": Case(3, 1, 2, strides=(2, 3)),
    "a kernel larger than its input": Case(2, 1, 1, kernel=(7, 7), padding=((3, 3), (3, 3))),
    "more on one side": Case(2, 1, 1, kernel=(2, 4), padding=((0, 1), (2, 0)), strides=(2, 1)),
    "cropped in place of padded": Case(2, 1, 1, kernel=(2, 2), padding=((-1, 0), (0, -1))),
    "a kernel with holes": Case(2, 1, 2, rhs_dilation=(2, 1), padding=((2, 2), (0, 0))),
    "images with holes": Case(2, 1, 2, lhs_dilation=(2, 3), padding=((0, 1), (1, 0)), strides=(1, 2)),
    "groups of channels": Case(2, 3, 2, strides=(2, 1)),
    "one group": Case(1, 3, 2, left=(1, 1, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_convolution_and_its_gradients_are_those_of_its_definition(name: str, workers: WorkerPool) -> None:
    case, generator = CASES[name], np.random.default_rng(0)
    values = generator.normal(size=(2, 5, 4, case.groups * case.inputs))
    kernel = generator.normal(size=(*case.kernel, case.inputs, case.groups * case.outputs))
    expected = _convolved(case, values, kernel)
    by = generator.normal(size=expected.shape)
    found = _found(case, values, kernel, by, workers)
    assert found.convolutions == [*case.left, 1]
    _require_equal(np.array(found.result), expected)
    _require_equal(np.array(found.gradients[0]), _gradient(values, lambda one: _convolved(case, one, kernel) * by))
    _require_equal(np.array(found.gradients[1]), _gradient(kernel, lambda one: _convolved(case, values, one) * by))


def test_an_input_with_too_few_places_gives_nothing(workers: WorkerPool) -> None:
    case = Case(2, 1, 1, kernel=(7, 3), padding=((0, 0), (1, 1)), strides=(3, 1))
    found = _found(case, np.ones((2, 5, 4, 2)), np.ones((7, 3, 1, 2)), np.ones(1), workers)
    assert not np.array(found.result).size
    assert not np.array(found.gradients[0]).any()


def _found(case: Case, values: np.ndarray, kernel: np.ndarray, by: np.ndarray, workers: WorkerPool) -> Convolved:
    settings = case.strides, case.padding, case.lhs_dilation, case.rhs_dilation, case.groups
    return workers.call("keras:jax", convolve, Asked(values.tolist(), kernel.tolist(), by.tolist(), *settings))


def _require_equal(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-13 * np.abs(expected).max()


def _convolved(case: Case, values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return what SciPy gives, channel by channel."""
    padded = _padded(_spread(values, case.lhs_dilation, (1, 2)), case.padding)
    wide = _spread(kernel, case.rhs_dilation, (0, 1))
    rows, columns = case.strides
    results = []
    for output in range(case.groups * case.outputs):
        first = output // case.outputs * case.inputs
        results.append(
            sum(
                np.stack([correlate(one, wide[..., number, output], "valid", "direct") for one in channel])
                for number, channel in enumerate(np.moveaxis(padded[..., first : first + case.inputs], -1, 0))
            )
        )
    return np.stack(results, -1)[:, ::rows, ::columns]


def _spread(array: np.ndarray, steps: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    """Return an array with zeros between its places."""
    shape = list(array.shape)
    for step, axis in zip(steps, axes, strict=True):
        shape[axis] = (shape[axis] - 1) * step + 1
    spread, places = np.zeros(shape), [slice(None)] * array.ndim
    for step, axis in zip(steps, axes, strict=True):
        places[axis] = slice(None, None, step)
    spread[tuple(places)] = array
    return spread


def _padded(values: np.ndarray, padding: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    grown = np.pad(values, [(0, 0), *((max(low, 0), max(high, 0)) for low, high in padding), (0, 0)])
    (top, bottom), (left, right) = padding
    ends = [grown.shape[axis] + min(0, end) for axis, end in ((1, bottom), (2, right))]
    return grown[:, max(0, -top) : ends[0], max(0, -left) : ends[1]]


def _gradient(at: np.ndarray, terms: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the gradient of the sum of what is linear in `at`, one number after the other."""
    found = np.zeros(at.shape)
    for place in product(*map(range, at.shape)):
        unit = np.zeros(at.shape)
        unit[place] = 1
        found[place] = terms(unit).sum()
    return found


def test_a_pair_passes_where_it_is_one_model_and_fails_where_it_is_padded_otherwise(ladder: Ladder) -> None:
    def climbed(name: str, until: str) -> RungResult:
        request = VerifyRequest(name=f"tests.optimizers.convolution_pairs:{name}", until=until, causes="none")
        (result,) = ladder.climb(request, lambda *_: None, ["keras:jax"])
        return result.rungs[-1]

    last = climbed("ONE_MODEL", "gradients")
    assert (last.rung, last.passed) == ("gradients", True), last.detail
    last = climbed("PADDED_ALIKE", "forward")
    assert (last.rung, last.passed, last.where) == ("forward", False, "wide")
