"""Values with their gradients, the same way on every backend; works inside a graph or program that is being traced."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

Compute = Callable[[Sequence[Any]], Any]
"""Maps tensors to a scalar."""


def value_and_gradients(compute: Compute, tensors: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return a value and its gradient with respect to each tensor, zeros where it does not depend on one."""
    return _WAYS[keras.backend.backend()](compute, list(tensors))


def _on_tensorflow(compute: Compute, tensors: list[Any]) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = compute(tensors)
    return value, tape.gradient(value, tensors, unconnected_gradients="zero")


def _on_jax(compute: Compute, tensors: list[Any]) -> tuple[Any, list[Any]]:
    import jax

    return jax.value_and_grad(compute)(tensors)


def _on_torch(compute: Compute, tensors: list[Any]) -> tuple[Any, list[Any]]:
    import torch

    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        value = compute(leaves)
    return value, list(torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True))


def without_gradients() -> AbstractContextManager:
    """Return a block in which nothing is kept for a backward pass; PyTorch alone would, as it runs."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


_WAYS: Mapping[str, Callable[[Compute, list[Any]], tuple[Any, list[Any]]]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}
