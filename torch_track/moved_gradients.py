"""Gradients moved by as little as rounding, to see what an optimizer makes of it."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from twotrack.shared.base.tolerances import GRADIENT_SCALE_FLOOR


class GradientMover:
    """Moves every gradient of a module by `share` of the largest of its layer, as the rung gradients measures them.

    Draw 0 moves all of them up and draw 1 down, in every step; later ones draw a sign for each number and step.
    Sparse gradients stay as they are.
    """

    def __init__(self, module: nn.Module, share: float, draw: int):
        self._module, self._share, self._draw = module, share, draw
        self._generator = torch.Generator().manual_seed(draw)

    def __call__(self) -> None:
        """Move the gradients that the parameters have."""
        layers = [gradients for layer in self._module.modules() if (gradients := list(_gradients(layer)))]
        largest = [max(float(gradient.abs().max()) for gradient in gradients) for gradients in layers]
        floor = GRADIENT_SCALE_FLOOR * max(largest, default=0.0)
        for gradients, size in zip(layers, largest, strict=True):
            for gradient in gradients:
                gradient.add_(self._signs(gradient), alpha=self._share * max(size, floor))

    def _signs(self, gradient: Tensor) -> Tensor:
        if self._draw < 2:
            return torch.full_like(gradient, 1 - 2 * self._draw)
        drawn = torch.randint(0, 2, gradient.shape, generator=self._generator)
        return (2 * drawn - 1).to(gradient)


def _gradients(layer: nn.Module) -> Iterator[Tensor]:
    """Yield the gradients of a layer's own parameters."""
    for parameter in layer.parameters(recurse=False):
        if parameter.grad is not None and not parameter.grad.is_sparse and parameter.grad.numel():
            yield parameter.grad
