"""How two sequences of learning rates differ is said in words."""

import pytest

from twotrack.shared.verify.diagnosis.rates import rates_text


def _decaying(ratio: float, every: int = 1) -> tuple[float, ...]:
    return tuple(0.1 * ratio ** (step // every) for step in range(100))


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
    ],
)
def test_the_relation_is_named(keras: float | tuple[float, ...], torch: float | tuple[float, ...], words: str) -> None:
    what, torch_fix, keras_fix = rates_text(keras, torch)
    assert words in what
    assert torch_fix
    assert keras_fix
