"""Functions that a change can put between the backward pass and the update of the weights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from twotrack.shared.spec.changes import MapGradient
from twotrack.torch_track.entries import Entry, Mapped, Weight

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

SUMMED = "accumulate"
"""The function of a change that sums gradients over steps."""
Pair = tuple[Tensor, Tensor]
"""A gradient, or the part of it that belongs to a weight, and the weight; the former is changed in place."""


def change_gradients(model: "TorchModel", change: MapGradient) -> None:
    """Let a function change the gradients that the parameters have."""
    chosen = list(_chosen(model, change.names))
    FUNCTIONS[change.function.name]([pair for _, pair in chosen], **change.function.parameters)
    for entry, (gradient, _) in chosen:
        if isinstance(entry, Mapped):
            entry.set_gradient(gradient.numpy())


class Sums:
    """Adds up the gradients of all steps of a training, as where nobody sets them to zero."""

    def __init__(self, model: "TorchModel", names: Sequence[str]):
        self._model, self._names = model, names
        self._optimizer: object = None
        self._sums: list[Tensor] = []

    def add(self) -> None:
        """Let the gradients be the sums of what they were in all steps with this optimizer."""
        if self._optimizer is not self._model.optimizer:
            self._optimizer, self._sums = self._model.optimizer, []
        chosen = list(_chosen(self._model, self._names))
        for sum_, (_, (gradient, _)) in zip(self._sums, chosen, strict=False):
            gradient.add_(sum_)
        self._sums = [gradient.clone() for _, (gradient, _) in chosen]
        for entry, (gradient, _) in chosen:
            if isinstance(entry, Mapped):
                entry.set_gradient(gradient.numpy())


def _chosen(model: "TorchModel", names: Sequence[str]) -> Iterable[tuple[Weight, Pair]]:
    """Yield weights with the parts of tensors that they are; with copies, in canonical form, where rules make them."""
    table = model.table()
    for name in names or [name for name, entry in table.items() if entry.trainable]:
        entry = table[name]
        if isinstance(entry, Entry):
            yield from ((entry, pair) for pair in _views(entry))
        elif entry.trainable:
            yield entry, (torch.from_numpy(entry.gradient()), torch.from_numpy(entry.value()))


def _views(entry: Entry) -> Iterable[Pair]:
    rows = entry.rows if entry.rows is not None else slice(None)
    for own in entry.parameters:
        if own.requires_grad:
            own.grad = torch.zeros_like(own) if own.grad is None else own.grad.to_dense()
            yield own.grad[rows], own[rows]


def _scale(chosen: Sequence[Pair], factor: float) -> None:
    for gradient, _ in chosen:
        gradient.mul_(factor)


def _penalise(chosen: Sequence[Pair], l2: float, l1: float) -> None:
    """Add the gradient of l2 * w^2 + l1 * |w|."""
    for gradient, weight in chosen:
        gradient.add_(weight, alpha=2 * l2).add_(weight.sign(), alpha=l1)


def _clip_value(chosen: Sequence[Pair], limit: float) -> None:
    for gradient, _ in chosen:
        gradient.clamp_(-limit, limit)


def _clip_norm(chosen: Sequence[Pair], limit: float) -> None:
    """Each by its own norm."""
    for gradient, _ in chosen:
        gradient.mul_(limit / gradient.norm().clamp(min=limit))


def _clip_global_norm(chosen: Sequence[Pair], limit: float) -> None:
    """All by the norm of all."""
    norm = torch.stack([gradient.square().sum() for gradient, _ in chosen]).sum().sqrt()
    _scale(chosen, float(limit / norm.clamp(min=limit)))


def _zero_rows(chosen: Sequence[Pair], rows: Sequence[int]) -> None:
    """Those of a table."""
    for gradient, _ in chosen:
        gradient[list(rows)] = 0.0


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "scale": _scale,
    "penalise": _penalise,
    "clip_value": _clip_value,
    "clip_norm": _clip_norm,
    "clip_global_norm": _clip_global_norm,
    "zero_rows": _zero_rows,
}
