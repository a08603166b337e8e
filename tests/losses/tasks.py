"""Worker tasks: every case of a loss on one track, in float64."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.losses import reference
from tests.losses.cases import CASES, SATURATED, Case
from twotrack.shared.spec.objective import row_weights
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Shown:
    """By case: the loss, and its gradient in every number of the outputs."""

    values: dict[str, float]
    gradients: dict[str, list[Any]]


def _shown(found: dict[str, tuple[float, np.ndarray]]) -> Shown:
    return Shown(
        {name: float(value) for name, (value, _) in found.items()},
        {name: np.asarray(gradient).reshape(-1).tolist() for name, (_, gradient) in found.items()},
    )


@task
def by_hand(names: list[str]) -> Shown:
    return _shown({name: reference.value_and_gradient(CASES[name]) for name in names})


@task
def on_torch(saturated: bool) -> Shown:
    return _shown({name: _torch(case, saturated) for name, case in (SATURATED if saturated else CASES).items()})


@task
def on_keras(saturated: bool) -> Shown:
    from twotrack.keras_track.precision import set_precision

    set_precision("float64")
    try:
        return _shown({name: _keras(case, saturated) for name, case in (SATURATED if saturated else CASES).items()})
    finally:
        set_precision("float32")


def _arrays(case: Case, saturated: bool) -> tuple[np.ndarray, np.ndarray]:
    x, y = case.arrays()
    if saturated:
        x[0], x[1] = np.eye(3)[0], np.eye(3)[1]
    return x, y


def _torch(case: Case, saturated: bool) -> tuple[float, np.ndarray]:
    import torch

    from twotrack.torch_track.losses import build, weighed

    x, y = (torch.from_numpy(array) for array in _arrays(case, saturated))
    x = x.requires_grad_()
    value = weighed(case.loss, build(case.loss))(x, y, case.weights, case.mask)
    (gradient,) = torch.autograd.grad(value, [x], allow_unused=True, materialize_grads=True)
    return float(value), gradient.numpy()


def _keras(case: Case, saturated: bool) -> tuple[float, np.ndarray]:
    import keras

    from twotrack.keras_track.autodiff import value_and_gradients
    from twotrack.keras_track.losses import build
    from twotrack.keras_track.recording import as_array

    x, y = _arrays(case, saturated)
    weights = row_weights(case.weights, case.mask)
    weights = None if weights is None else keras.ops.convert_to_tensor(weights, dtype="float64")
    target = keras.ops.convert_to_tensor(y.astype("int32") if y.dtype.kind == "i" else y)
    loss = build(case.loss)
    value, (gradient,) = value_and_gradients(
        lambda tensors: loss(target, tensors[0], weights), [keras.ops.convert_to_tensor(x)]
    )
    return float(as_array(value)), as_array(gradient)
