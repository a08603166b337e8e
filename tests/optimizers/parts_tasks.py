"""The worker task of test_parts: Keras' optimizers on PyTorch, as they are and in parts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

if TYPE_CHECKING:
    import keras

SHAPES = ((5, 4), (3,), ())
STEPS = 4


def _makers(kinds: Any) -> "dict[str, Callable[[], keras.optimizers.Optimizer]]":
    return {
        "SGD": lambda: kinds.SGD(0.1),
        "momentum": lambda: kinds.SGD(0.1, momentum=0.9, nesterov=True),
        "Adam": lambda: kinds.Adam(0.1, amsgrad=True, weight_decay=0.1),
        "AdamW": lambda: kinds.AdamW(0.1, global_clipnorm=0.5),
        "average": lambda: kinds.Adam(0.1, use_ema=True, ema_overwrite_frequency=2),
        "RMSprop": lambda: kinds.RMSprop(0.1, centered=True, momentum=0.9),
        "Adagrad": lambda: kinds.Adagrad(0.1),
        "Adadelta": lambda: kinds.Adadelta(0.1),
        "Adamax": lambda: kinds.Adamax(0.1),
        "Lion": lambda: kinds.Lion(0.1),
        "Nadam": lambda: kinds.Nadam(0.1),
        "Lamb": lambda: kinds.Lamb(0.1),
    }


@task
def differences(rows: int) -> dict[str, bool]:
    """Return, for every optimizer, whether weights are the same to the bit with so many values in a part."""
    open_track("keras:torch", "cpu")
    import keras

    from twotrack.keras_track import parts

    own, parts.PART = parts.PART, rows
    try:
        makers = _makers(keras.optimizers)
        return {name: _trained(make, parts.in_parts) == _trained(make, lambda _: None) for name, make in makers.items()}
    finally:
        parts.PART = own


def _trained(make: "Callable[[], keras.optimizers.Optimizer]", change: Callable[[Any], None]) -> list[bytes]:
    import keras
    import torch

    generator = np.random.default_rng(0)
    variables = [keras.Variable(generator.normal(size=shape), dtype="float64") for shape in SHAPES]
    optimizer = make()
    change(optimizer)
    optimizer.build(variables)
    for _ in range(STEPS):
        gradients = [torch.from_numpy(np.array(generator.normal(size=shape))) for shape in SHAPES]
        optimizer.apply(gradients, variables)
    return [variable.value.detach().numpy().tobytes() for variable in variables]
