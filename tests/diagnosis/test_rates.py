"""How two sequences of learning rates differ is said in words."""

import math

import pytest

from twotrack.shared.verify.diagnosis.rates import rates_text


def _decaying(ratio: float, every: int = 1) -> tuple[float, ...]:
    return tuple(0.1 * ratio ** (step // every) for step in range(100))


def _cosine(peak: float, floor: float, steps: int) -> tuple[float, ...]:
    falling = [floor + (peak - floor) * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
    return (*falling, *([floor] * 3))


def _polynomial(power: float) -> tuple[float, ...]:
    return tuple(0.1 * max(1 - step / 20, 0.0) ** power for step in range(30))


@pytest.mark.parametrize(
    ("keras", "torch", "words"),
    [
        (0.01, 0.05, "0.01 in Keras and 0.05 in torch, 0.2 times as much"),
        (_decaying(0.9), tuple(2 * rate for rate in _decaying(0.9)), "0.5 times as large in Keras at every step"),
        (_decaying(0.9), _decaying(0.9)[1:], "torch is one step ahead"),
        (_decaying(0.5, 4), _decaying(0.5), "goes on every 4 steps in Keras, at every step in torch"),
        (_decaying(0.5), _decaying(0.5, 3), "goes on every 3 steps in torch, at every step in Keras"),
        (_decaying(0.5 ** (1 / 5)), _decaying(0.5), "by 0.5 over 5 steps, torch begins at 0.1 and multiplies by 0.5"),
        (_decaying(0.9), 0.1, "torch keeps 0.1"),
        (tuple(0.1 - 0.001 * step for step in range(100)), 0.1, "falls by 0.001 at every step"),
        (tuple(0.1 / (1 + 0.5 * step) for step in range(20)), 0.1, "divides that by 1 + 0.5 t behind step t"),
        (_cosine(0.1, 0.01, 16), 0.1, "falls from 0.1 to 0.01 along half a cosine of 16 steps"),
        (_cosine(0.1, 0.0, 40), _cosine(0.1, 0.0, 20), "torch falls from 0.1 to 0 along half a cosine of 20"),
        (_polynomial(0.9), _polynomial(1.0), "by the power 0.9 of the steps that are left, torch begins at 0.1"),
        ((0.1,) * 6 + (0.05,) * 6 + (0.02,) * 6, 0.1, "begins at 0.1, is 0.05 from step 7 on, is 0.02 from step 13 on"),
    ],
)
def test_the_relation_is_named(keras: float | tuple[float, ...], torch: float | tuple[float, ...], words: str) -> None:
    what, torch_fix, keras_fix = rates_text(keras, torch)
    assert words in what
    assert torch_fix
    assert keras_fix


def test_weights_that_only_one_side_updates_are_named() -> None:
    what, torch_fix, _ = rates_text(_decaying(0.9), 0.0, " of 'body.kernel'")
    assert what.startswith("torch's optimizer does not update the weights of 'body.kernel'")
    assert torch_fix == "an optimizer over model.parameters()"
