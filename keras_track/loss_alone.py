"""The loss that `compile` attached to a model, on outputs that no model gave, with gradients from each backend."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras.src import backend

from twotrack.keras_track.autodiff import value_and_gradients
from twotrack.keras_track.recording import as_array
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.probe import LossBatch, LossFacts, LossRun

Loss = Callable[..., Any]
"""Maps targets, outputs and weights, in the structure that the model has them in, to a scalar."""


class LossAlone:
    """Hands a compiled loss outputs, with whatever the model sends along with its own."""

    def __init__(self, loss: Loss, outputs: Any, ignored: int | None, epsilon: float, parts: Sequence[Loss]):
        """Take what the model returned for some inputs as the form of its outputs.

        `parts` are the losses that `loss` was compiled of: one for each output, or one for all.
        """
        self._loss, self._structure = loss, outputs
        masks = [backend.get_keras_mask(output) for output in keras.tree.flatten(outputs)]
        self.facts = LossFacts(
            ignored=ignored,
            epsilon=epsilon,
            mask_axes=tuple(0 if mask is None else len(mask.shape) for mask in masks),
            keeps_logits=tuple(_keeps_logits(output) for output in keras.tree.flatten(outputs)),
            within=tuple(_within(parts[min(number, len(parts) - 1)]) for number in range(len(masks))),
        )

    def build(self, batch: LossBatch) -> None:
        """Let the loss create what it keeps, outside of any graph."""
        if not getattr(self._loss, "built", True):
            self._loss.build(list(batch.targets), self._packed(batch.outputs))  # type: ignore[attr-defined]

    def gradients(
        self,
        outputs: Sequence[Any],
        logits: Sequence[Any],
        targets: Sequence[Any],
        masks: Sequence[Any],
        weights: Sequence[Any] = (),
    ) -> Any:
        """Return the loss of tensors of the backend, and its gradients for outputs, then for logits."""
        count = len(outputs)

        def total(tensors: Sequence[Any]) -> Any:
            given = [tensor + 0 for tensor in tensors[:count]]  # tensors of their own, to send something along with
            for output, own, keeps in zip(given, tensors[count:], self.facts.keeps_logits, strict=True):
                if keeps:
                    output._keras_logits = own
            for output, mask in zip(given, masks, strict=True):
                backend.set_keras_mask(output, mask)
            own, packed = targets if len(targets) > 1 else targets[0], self._packed(given)
            return self._loss(own, packed, self._packed(weights)) if len(weights) else self._loss(own, packed)

        return value_and_gradients(total, [*outputs, *logits])

    def masks(self, batch: LossBatch) -> list[np.ndarray | None]:
        """Return the masks of the outputs with which the model sends one."""
        pairs = zip(batch.masks, self.facts.mask_axes, strict=True)
        return [None if mask is None or not axes else _with_axes(mask, axes) for mask, axes in pairs]

    def _packed(self, outputs: Sequence[Any]) -> Any:
        return keras.tree.pack_sequence_as(self._structure, outputs)


def _keeps_logits(output: Any) -> bool:
    """Return whether the backend's losses look for the logits behind probabilities: TensorFlow's alone do."""
    return backend.backend() == "tensorflow" and hasattr(output, "_keras_logits")


def _within(loss: Loss) -> Literal["", "sigmoid", "softmax"]:
    """Return what a loss of Keras makes probabilities of logits with, where it does not take their logarithms."""
    if not getattr(loss, "from_logits", False):
        return ""
    if isinstance(loss, keras.losses.BinaryFocalCrossentropy):
        return "sigmoid"
    return "softmax" if isinstance(loss, keras.losses.CategoricalFocalCrossentropy) else ""


def _with_axes(mask: np.ndarray, axes: int) -> np.ndarray:
    """Return a mask (batch, steps) with as many axes."""
    return mask[(...,) + (None,) * (axes - mask.ndim)] if axes > mask.ndim else mask


def run(loss: LossAlone, batches: Sequence[LossBatch]) -> list[LossRun]:
    """Return what the loss comes to on each batch."""
    loss.build(batches[0])
    return _RUNS[backend.backend()](loss, batches)


def _on_tensorflow(alone: LossAlone, batches: Sequence[LossBatch]) -> list[LossRun]:
    """Compile one graph for each form of batch, as training does."""
    import tensorflow as tf

    step = tf.function(alone.gradients, autograph=False)
    return [_caught(lambda batch=batch: [_run(alone, batch, step)], 1)[0] for batch in batches]  # type: ignore[misc]


def _on_torch(alone: LossAlone, batches: Sequence[LossBatch]) -> list[LossRun]:
    return [
        _caught(lambda batch=batch: [_run(alone, batch, alone.gradients)], 1)[0]  # type: ignore[misc]
        for batch in batches
    ]


def _run(alone: LossAlone, batch: LossBatch, step: Callable[..., Any]) -> LossRun:
    to_tensor = keras.ops.convert_to_tensor
    outputs, logits, targets = ([to_tensor(array) for array in part] for part in _arrays(batch))
    masks = [None if mask is None else to_tensor(mask) for mask in alone.masks(batch)]
    value, gradients = step(outputs, logits, targets, masks, [to_tensor(one) for one in batch.weights])
    return _as_run(alone, value, gradients)


def _as_run(alone: LossAlone, value: Any, gradients: Sequence[Any]) -> LossRun:
    arrays = [as_array(gradient) for gradient in gradients]
    count = len(alone.facts.keeps_logits)
    return LossRun(float(as_array(value)), arrays[:count], arrays[count:] if any(alone.facts.keeps_logits) else [])


def _on_jax(alone: LossAlone, batches: Sequence[LossBatch]) -> list[LossRun]:
    """Compile one program for all batches of one form: to compile takes longer than to run."""
    forms: dict[tuple, list[int]] = {}
    for number, batch in enumerate(batches):
        shapes = tuple(array.shape for array in batch.outputs)
        weighed = tuple(array.shape for array in batch.weights)
        forms.setdefault((shapes, tuple(mask is None for mask in alone.masks(batch)), weighed), []).append(number)
    runs: dict[int, LossRun] = {}
    for numbers in forms.values():
        form = [batches[number] for number in numbers]
        runs |= zip(numbers, _caught(lambda form=form: _at_once(alone, form), len(form)), strict=True)  # type: ignore[misc]
    return [runs[number] for number in range(len(batches))]


def _at_once(alone: LossAlone, form: Sequence[LossBatch]) -> list[LossRun]:
    import jax

    def step(*tensors: Any) -> Any:
        with keras.StatelessScope():
            return alone.gradients(*tensors)

    parts = zip(*map(_arrays, form), strict=True)
    stacked = [[np.stack(arrays) for arrays in zip(*part, strict=True)] for part in parts]
    masks = [None if one[0] is None else np.stack(one) for one in zip(*map(alone.masks, form), strict=True)]
    weights = [np.stack(arrays) for arrays in zip(*(batch.weights for batch in form), strict=True)]
    # As arrays of NumPy, of which a part is taken in no time.
    values, gradients = jax.device_get(jax.jit(jax.vmap(step))(*stacked, masks, weights))
    return [_as_run(alone, value, [one[n] for one in gradients]) for n, value in enumerate(values)]


def _arrays(batch: LossBatch) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return outputs and logits in the precision that holds, and targets, which have their types already."""
    outputs, logits = (
        [array.astype(keras.config.floatx()) for array in part] for part in (batch.outputs, batch.logits)
    )
    return outputs, logits, list(batch.targets)


def _caught(compute: Callable[[], list[LossRun]], count: int) -> list[LossRun]:
    """Return what `compute` returns, or as many runs that say what it raised."""
    try:
        return compute()
    except UserError:
        raise
    except Exception as error:  # whatever a user's loss may raise
        return [LossRun(float("nan"), [], [], one_line(error)) for _ in range(count)]


_RUNS: Mapping[str, Callable[[LossAlone, Sequence[LossBatch]], list[LossRun]]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}
