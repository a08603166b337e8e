"""Every law of initial weights is drawn by it on every track: distribution, gain and fan, by their statistics."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from tests.optimizers import initialiser_tasks
from tests.optimizers.initialiser_tasks import GATES, OF_GATES, SHAPES, kept, key
from tests.support.turns import BACKENDS
from twotrack.shared.errors import UserError
from twotrack.shared.spec.initialisers import INITIALISERS, TRUNCATED, Filled, OrthogonalStart, Scaled, draw, fans
from twotrack.shared.workers.pool import WorkerPool

UNLIKELY = 1e-6
LAWS = {name: spec for name, spec in INITIALISERS.items() if not isinstance(spec, Filled | OrthogonalStart)}


def law(spec, shape: tuple[int, ...]):
    """Return SciPy's distribution of a law, written out here once more."""
    field = int(np.prod(shape[:-2]))
    fan = {"in": field * shape[-2], "out": field * shape[-1], "average": field * (shape[-2] + shape[-1]) / 2}
    deviation = sqrt(spec.gain / fan[spec.fan]) if isinstance(spec, Scaled) else spec.deviation
    if spec.distribution == "uniform":
        return stats.uniform(-sqrt(3) * deviation, 2 * sqrt(3) * deviation)
    if spec.distribution == "normal":
        return stats.norm(0, deviation)
    return stats.truncnorm(-2, 2, 0, deviation / 0.87962566103423978)


def is_drawn_by(sample, spec, shape: tuple[int, ...]) -> bool:
    return bool(stats.kstest(sample, law(spec, shape).cdf).pvalue > UNLIKELY)


@pytest.mark.parametrize("track", ["torch", *BACKENDS])
def test_weights_are_drawn_by_their_laws(track: str, workers: WorkerPool) -> None:
    task = initialiser_tasks.torch if track == "torch" else initialiser_tasks.keras
    found = workers.call(track, task, 0)
    for shape in SHAPES:
        for name, spec in LAWS.items():
            assert is_drawn_by(found[key(name, shape)], spec, shape), (name, shape)
        assert set(found[key("zeros", shape)]) == {0.0}
        assert set(found[key("ones", shape)]) == {1.0}
        error, *sample = found[key("orthogonal", shape)]
        own = draw(OrthogonalStart(), np.random.default_rng(0), shape)
        assert error < 1e-5
        assert stats.ks_2samp(sample, kept(own)).pvalue > UNLIKELY
    assert_gates({name: np.reshape(found[name], OF_GATES) for name in GATES})


def assert_gates(found: dict[str, np.ndarray]) -> None:
    for part in np.split(found["orthogonal gates"], 4, axis=1):
        np.testing.assert_allclose(part @ part.T, 1.5**2 * np.eye(OF_GATES[0]), atol=1e-5)
    np.testing.assert_array_equal(found["forget gate"], np.repeat([0, 1, 0, 0], 50) + np.zeros(OF_GATES))


# === Without a framework ===


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("shape", SHAPES, ids=len)
def test_the_law_in_numpy(name: str, shape: tuple[int, ...]) -> None:
    sample = draw(LAWS[name], np.random.default_rng(1), shape).reshape(-1)
    assert is_drawn_by(sample, LAWS[name], shape)


def test_the_gates_in_numpy() -> None:
    assert_gates({name: draw(spec, np.random.default_rng(1), OF_GATES) for name, spec in GATES.items()})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("glorot_uniform", "torch_default"),
        ("glorot_uniform", "he_uniform"),
        ("glorot_normal", "xavier_normal"),
        ("he_normal", "kaiming_normal"),
        ("he_uniform", "lecun_uniform"),
        ("he_uniform", "he_normal"),
        ("random_normal", "truncated_normal"),
        ("random_uniform", "random_normal"),
    ],
)
def test_laws_that_are_mixed_up_are_told_apart(one: str, other: str) -> None:
    """The normal laws of Keras are cut off, those of torch are not; gain and fan change the size."""
    for shape in SHAPES:
        sample = draw(LAWS[one], np.random.default_rng(2), shape).reshape(-1)
        assert not is_drawn_by(sample, LAWS[other], shape)


def test_the_deviation_of_a_cut_normal_distribution() -> None:
    assert stats.truncnorm(-2, 2).std() == pytest.approx(TRUNCATED, rel=1e-12)


def test_fans_count_the_receptive_field() -> None:
    assert fans((3, 3, 64, 80)) == (576.0, 720.0)
    assert fans((7,)) == (7.0, 7.0)


def test_a_gain_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="expected gain > 0, found 0"):
        Scaled(0.0)
