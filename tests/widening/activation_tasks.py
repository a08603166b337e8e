"""Worker tasks that call activations in float64, and their formulas by NumPy and SciPy."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from scipy import special

from twotrack.shared.workers.task import task

Function = Callable[[np.ndarray], np.ndarray]
Off = dict[str, float]
"""How far values and derivatives are from the formulas at most, by the activation."""
ALPHA = 0.7


def _gauss(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _silu_slope(x: np.ndarray) -> np.ndarray:
    return special.expit(x) * (1 + x * special.expit(-x))


FORMULAS: Mapping[str, tuple[Function, Function]] = {
    "hard_sigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: (np.abs(x) < 3) / 6),
    "hard_silu": (
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(np.abs(x) < 3, (2 * x + 3) / 6, np.where(x > 0, 1.0, 0.0)),
    ),
    "celu": (
        lambda x: np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0) / ALPHA)),
        lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0) / ALPHA)),
    ),
    "elu": (
        lambda x: np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1.0, ALPHA * np.exp(np.minimum(x, 0))),
    ),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * _gauss(x)),
    "silu": (lambda x: x * special.expit(x), _silu_slope),
    "softplus": (lambda x: np.logaddexp(x, 0), special.expit),
    "log_sigmoid": (special.log_expit, lambda x: special.expit(-x)),
}
"""What each is, and its derivative."""


def _off(name: str, *made: np.ndarray) -> Off:
    """Return how far value and derivative are off."""
    named = zip(("value", "derivative"), made, FORMULAS[name], strict=True)
    return {f"{name}, {part}": float(np.abs(own - formula(points())).max()) for part, own, formula in named}


def points() -> np.ndarray:
    """Return points on both sides of every corner, none at one."""
    return np.linspace(-6.05, 6.05, 98)


@task
def on_torch(_: None) -> Off:
    """Return how far torch's activations are off where a module is verified."""
    import torch
    from torch.nn import functional

    from twotrack.torch_track.precision import set_precision

    names = {"hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish", "log_sigmoid": "logsigmoid"}
    found: Off = {}
    with _restored(set_precision):
        for name in FORMULAS:
            x = torch.from_numpy(points()).requires_grad_()
            options = {"alpha": ALPHA} if name in ("celu", "elu") else {}
            y = getattr(functional, names.get(name, name))(x, **options)
            y.sum().backward()
            found |= _off(name, y.detach().numpy(), x.grad.numpy())  # type: ignore[union-attr]
            if name in ("hard_sigmoid", "celu"):
                again = torch.from_numpy(points()).requires_grad_()
                held = again * 1.0
                getattr(functional, names.get(name, name))(held, inplace=True, **options)
                held.sum().backward()
                assert torch.equal(held, y)
                assert torch.equal(again.grad, x.grad)  # type: ignore[arg-type]
    return found


@task
def on_keras(_: None) -> Off:
    """Return how far Keras' activations are off where a model is verified."""
    import keras

    from twotrack.keras_track.autodiff import value_and_gradients
    from twotrack.keras_track.precision import set_precision
    from twotrack.keras_track.recording import as_array

    found: Off = {}
    with _restored(set_precision):
        for name in FORMULAS:
            activation, options = getattr(keras.ops, name), {"alpha": ALPHA} if name in ("celu", "elu") else {}
            x = keras.ops.convert_to_tensor(points())
            options |= {"approximate": False} if name == "gelu" else {}
            _, (slope,) = value_and_gradients(
                lambda given, call=activation, own=options: keras.ops.sum(call(given[0], **own)),  # type: ignore[misc]
                [x],
            )
            found |= _off(name, as_array(activation(x, **options)), as_array(slope))
    return found


@contextmanager
def _restored(set_precision: Callable[[str], None]) -> Iterator[None]:
    set_precision("float64")
    try:
        yield
    finally:
        set_precision("float32")
