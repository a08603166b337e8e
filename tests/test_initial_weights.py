"""Initial weights: Glorot's distribution, fixed by the seed and the name alone."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from twotrack.shared.weights import initial

SHAPES = {
    "conv.kernel": (3, 3, 16, 32),
    "dense.kernel": (300, 200),
    "other.kernel": (300, 200),
    "dense.bias": (200,),
    "bn.gamma": (32,),
    "bn.beta": (32,),
    "bn.moving_mean": (32,),
    "bn.moving_variance": (32,),
    "prelu.alpha": (32,),
    "lstm.kernel": (5, 256),
    "lstm.recurrent_kernel": (64, 256),
    "lstm.bias": (256,),
    "rnn.recurrent_kernel": (64, 64),
    "rnn.bias": (64,),
    "positions.embeddings": (120, 64),
    "attention.query.kernel": (96, 8, 12),
    "attention.attention_output.kernel": (8, 12, 96),
}
FANS = {
    "conv.kernel": 9 * 16 + 9 * 32,
    "dense.kernel": 300 + 200,
    "attention.query.kernel": 96 + 96,
    "attention.attention_output.kernel": 96 + 96,
}


def test_the_same_seed_gives_the_same_weights_in_any_order_and_company():
    whole = initial.draw(SHAPES, seed=5)
    backwards = initial.draw(dict(reversed(SHAPES.items())), seed=5)
    alone = initial.draw({"dense.kernel": (300, 200)}, seed=5)

    np.testing.assert_array_equal(alone["dense.kernel"], whole["dense.kernel"])
    for name, array in whole.items():
        np.testing.assert_array_equal(backwards[name], array)


def test_another_seed_or_name_gives_other_weights():
    first, second = (initial.draw(SHAPES, seed) for seed in (0, 1))

    assert not np.array_equal(first["dense.kernel"], second["dense.kernel"])
    assert not np.array_equal(first["dense.kernel"], first["other.kernel"])


def test_shapes_and_types_are_those_asked_for():
    drawn = initial.draw(SHAPES, seed=0)

    assert {name: array.shape for name, array in drawn.items()} == SHAPES
    assert {array.dtype for array in drawn.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", FANS)
def test_kernels_are_uniform_within_glorots_bounds(name: str):
    """Glorot and Bengio 2010, equation 16; the uniform's deviation is its limit over the root of 3."""
    limit = sqrt(6 / FANS[name])

    kernel = initial.draw(SHAPES, seed=0)[name].astype(np.float64).ravel()

    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(
        limit / sqrt(3), rel=4 * sqrt(0.2 / kernel.size)
    )  # standard errors of a uniform's
    assert stats.kstest(kernel, stats.uniform(-limit, 2 * limit).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dense.bias", 0),
        ("bn.beta", 0),
        ("bn.gamma", 1),
        ("bn.moving_mean", 0),
        ("bn.moving_variance", 1),
        ("prelu.alpha", 0.25),
    ],
)
def test_everything_but_kernels_is_constant(name: str, value: float):
    np.testing.assert_array_equal(initial.draw(SHAPES, seed=0)[name], np.full(SHAPES[name], value))


def test_a_weight_of_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'lstm\.peephole' of shape \(4, 16\)"):
        initial.draw({"lstm.peephole": (4, 16)}, seed=0)


def test_recurrent_kernels_are_orthogonal_for_each_gate():
    drawn = initial.draw(SHAPES, seed=0)

    for gate in (*np.split(drawn["lstm.recurrent_kernel"], 4, axis=1), drawn["rnn.recurrent_kernel"]):
        np.testing.assert_allclose(gate.T @ gate, np.eye(64), atol=1e-5)
    first, second = np.split(drawn["lstm.recurrent_kernel"], 4, axis=1)[:2]
    assert np.abs(first - second).max() > 0.1


def test_orthogonal_matrices_are_drawn_evenly():
    """Of evenly drawn ones the trace has mean 0 and deviation 1; QR without its signs has a negative mean."""
    traces = [
        np.trace(initial.draw({"rnn.recurrent_kernel": (4, 4)}, seed)["rnn.recurrent_kernel"]) for seed in range(2000)
    ]

    assert np.mean(traces) == pytest.approx(0, abs=4 / sqrt(2000))
    assert np.std(traces) == pytest.approx(1, rel=4 / sqrt(2 * 2000))


def test_only_the_forget_gate_of_an_lstm_starts_open():
    drawn = initial.draw(SHAPES, seed=0)

    assert drawn["lstm.bias"].tolist() == [0.0] * 64 + [1.0] * 64 + [0.0] * 128
    assert not drawn["rnn.bias"].any()


def test_embeddings_are_normal():
    drawn = initial.draw(SHAPES, seed=0)["positions.embeddings"].ravel()

    assert stats.kstest(drawn, stats.norm(scale=0.02).cdf).pvalue > 0.01
