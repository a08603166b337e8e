"""Steps of Keras written out, as guides have them for each backend."""

from collections.abc import Callable, Sequence
from typing import Any

Loss = Callable[[Any, Any], Any]
"""Of targets and outputs."""


def loss_and_gradients(model: Any, loss_of: Loss, x: Any, y: Any, training: bool = True) -> tuple[Any, list[Any]]:
    """Return the loss of a batch, and its gradients in the order of model.trainable_variables."""
    import keras

    made = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}[keras.backend.backend()]
    x, y = (keras.ops.convert_to_tensor(one) for one in (x, y))
    return made(model, loss_of, x, y, training)


def update(optimizer: Any, model: Any, gradients: Sequence[Any]) -> None:
    """Step."""
    import keras

    if keras.backend.backend() != "torch":
        optimizer.apply(gradients, model.trainable_variables)
        return
    import torch

    with torch.no_grad():
        optimizer.apply(gradients, model.trainable_variables)


def _torch(model: Any, loss_of: Loss, x: Any, y: Any, training: bool) -> tuple[Any, list[Any]]:
    model.zero_grad()
    loss = loss_of(y, model(x, training=training))
    loss.backward()
    return loss.detach(), [one.value.grad.clone() for one in model.trainable_variables]


def _tensorflow(model: Any, loss_of: Loss, x: Any, y: Any, training: bool) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = loss_of(y, model(x, training=training))
    return loss, tape.gradient(loss, [one.value for one in model.trainable_variables])


def _jax(model: Any, loss_of: Loss, x: Any, y: Any, training: bool) -> tuple[Any, list[Any]]:
    import jax

    def compute(trainable: list[Any], others: list[Any]) -> tuple[Any, list[Any]]:
        outputs, others = model.stateless_call(trainable, others, x, training=training)
        return loss_of(y, outputs), others

    values = [[one.value for one in own] for own in (model.trainable_variables, model.non_trainable_variables)]
    (loss, others), gradients = jax.value_and_grad(compute, has_aux=True)(*values)
    for variable, value in zip(model.non_trainable_variables, others, strict=True):
        variable.assign(value)
    return loss, gradients
