"""Worker tasks: every penalty and constraint on one weight of a convolution, in float64."""

from typing import Any

import numpy as np

from tests.losses.tasks import Shown
from twotrack.shared.spec.regularisation import (
    L1,
    L2,
    MaxNorm,
    NonNegative,
    Orthogonal,
    UnitNorm,
    constrained,
    penalty_value,
)  # fmt: skip
from twotrack.shared.workers.task import task

AXES = (0, 1, 2)


def weight() -> np.ndarray:
    """Return a kernel (height, width, inputs, outputs)."""
    return np.random.default_rng(3).normal(size=(2, 3, 2, 4)) * np.array([0.1, 1.0, 2.0, 0.5])


PENALTIES = (L1(0.3), L2(0.3), Orthogonal(0.3))


def constraints() -> tuple[Any, ...]:
    limit = float(np.sqrt((weight() ** 2).sum(AXES)).mean())
    return MaxNorm(limit=limit, axes=AXES), UnitNorm(axes=AXES), NonNegative()


@task
def torch(_: int) -> Shown:
    import torch as framework

    from twotrack.torch_track import loss_operations as ops

    shown = Shown({}, {})
    for one in PENALTIES:
        own = framework.from_numpy(weight()).requires_grad_()
        value = penalty_value(one, ops, own)
        value.backward()  # type: ignore[no-untyped-call]
        _keep(shown, one, float(value), own.grad.numpy())  # type: ignore[union-attr]
    for one in constraints():
        _keep(shown, one, 0.0, constrained(one, ops, framework.from_numpy(weight())).numpy())
    return shown


@task
def keras(_: int) -> Shown:
    from keras import ops

    from twotrack.keras_track.autodiff import value_and_gradients
    from twotrack.keras_track.precision import set_precision
    from twotrack.keras_track.recording import as_array

    shown = Shown({}, {})
    set_precision("float64")
    try:
        for one in PENALTIES:
            compute = lambda tensors, one=one: penalty_value(one, ops, tensors[0])  # noqa: E731
            value, (gradient,) = value_and_gradients(compute, [ops.convert_to_tensor(weight())])
            _keep(shown, one, float(as_array(value)), as_array(gradient))
        for one in constraints():
            _keep(shown, one, 0.0, as_array(constrained(one, ops, ops.convert_to_tensor(weight()))))
    finally:
        set_precision("float32")
    return shown


def _keep(shown: Shown, one: Any, value: float, array: np.ndarray) -> None:
    shown.values[type(one).__name__], shown.gradients[type(one).__name__] = value, array.reshape(-1).tolist()
