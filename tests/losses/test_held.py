"""Penalties and constraints: by their formulas on every track, in pairs that are one, and in pairs that are not."""

from typing import Any

import numpy as np
import pytest

from tests.losses import held_tasks
from tests.losses.held_pairs import HONEST, WRONG
from tests.losses.test_pairs import in_full
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.errors import UserError
from twotrack.shared.spec.regularisation import L1, L2, MaxNorm, by_weight
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

LIMIT = 1e-12
CLIMBED = (
    "of a convolution and its head", "Keras' layers bring L2, by hand in torch", "Keras' compute_loss adds L2",
    "what a layer gives",
)  # fmt: skip
PROVED = (
    "half of it, by hand in torch", "half of what Keras' compute_loss adds", "torch alone has one",
    "another maximum norm",
)  # fmt: skip
"""That climb by default."""


@pytest.mark.parametrize("track", ["torch", *BACKENDS])
def test_penalties_and_constraints_are_their_formulas(track: str, workers: WorkerPool) -> None:
    found = workers.call(track, held_tasks.torch if track == "torch" else held_tasks.keras, 0)
    w = held_tasks.weight()
    matrix = w.reshape(-1, w.shape[-1])
    product = matrix.T @ matrix - np.eye(w.shape[-1])
    expected = {
        "L1": (0.3 * np.abs(w).sum(), 0.3 * np.sign(w)),
        "L2": (0.3 * (w**2).sum(), 0.6 * w),
        "Orthogonal": (0.3 * (product**2).sum(), (1.2 * matrix @ product).reshape(w.shape)),
    }
    for name, (value, gradient) in expected.items():
        assert found.values[name] == pytest.approx(value, rel=LIMIT)
        np.testing.assert_allclose(found.gradients[name], gradient.reshape(-1), rtol=LIMIT, atol=LIMIT, err_msg=name)
    norm = np.sqrt((w**2).sum((0, 1, 2), keepdims=True))
    for name, value in {
        "MaxNorm": np.where(norm > norm.mean(), w * norm.mean() / norm, w), "UnitNorm": w / norm,
        "NonNegative": np.maximum(w, 0),
    }.items():  # fmt: skip
        np.testing.assert_allclose(found.gradients[name], value.reshape(-1), rtol=LIMIT, atol=LIMIT, err_msg=name)


@pytest.mark.parametrize("name", in_full(HONEST, CLIMBED))
def test_what_both_hold_to_weights_is_one(name: str, ladder: Ladder) -> None:
    result = climb(ladder, f"HONEST_{list(HONEST).index(name)}")
    assert result.passed, result.rungs[-1].detail


@pytest.mark.parametrize("name", in_full(WRONG, PROVED))
def test_what_one_side_holds_otherwise_is_proved(name: str, ladder: Ladder) -> None:
    result = climb(ladder, f"WRONG_{list(WRONG).index(name)}")
    rung, told = WRONG[name][1:]
    assert result.rungs[-1].rung == rung, result.rungs[-1].detail
    assert told in " ".join(cause.what for cause in result.diagnosis.proved)


def climb(ladder: Ladder, name: str) -> Any:
    return ladder.climb(VerifyRequest(name=f"tests.losses.held_pairs:{name}"), lambda *_: None, [QUICKEST])[0]


# === Without a framework ===

NAMES = ("conv.kernel", "conv.bias", "lstm.recurrent_kernel", "norm.gamma")


def test_patterns_choose_weights_of_a_side() -> None:
    held = (L2(0.1), L1(0.2, weights=("*.bias", "norm.*")), MaxNorm(sides="keras"))
    found = by_weight(held, True, NAMES)
    assert {name: [type(one).__name__ for one in own] for name, own in found.items()} == {
        "conv.kernel": ["L2"], "lstm.recurrent_kernel": ["L2"], "conv.bias": ["L1"], "norm.gamma": ["L1"],
    }  # fmt: skip
    assert "MaxNorm" in [type(one).__name__ for one in by_weight(held, False, NAMES)["conv.kernel"]]


def test_a_pattern_that_fits_no_weight_is_refused() -> None:
    with pytest.raises(UserError, match=r"L2: no trained weight fits 'dense\*'; there are: conv.kernel"):
        by_weight((L2(0.1, weights="dense*"),), True, NAMES)


def test_weight_decay_is_half_a_penalty() -> None:
    assert L2.of_weight_decay(0.1, weights="*").strength == 0.05
