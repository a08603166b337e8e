"""Where a softmax is given scores as large as the numbers with which models hide others from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

MOST = 1e8
"""A tenth of 1e9, the least that models take for infinity: keras.layers.Softmax adds -1e9 to what it hides."""


class LargeScores(TorchDispatchMode):
    """Watches a pass; tells in which rows of the batch scores went beyond MOST, those aside that are hidden."""

    def __init__(self, rows: int):
        super().__init__()
        self.rows = np.zeros(rows, bool)

    def begin_anew(self) -> None:
        """Forget what was seen."""
        self.rows = np.zeros_like(self.rows)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        sizes = _SIZES.get(function.overloadpacket.__name__)
        if sizes:
            self._note(sizes(*args, **(kwargs or {})))
        return function(*args, **(kwargs or {}))

    def _note(self, sizes: Tensor) -> None:
        if len(sizes) and len(sizes) % len(self.rows) == 0:  # heads and windows may be rows of their own
            self.rows |= (sizes.reshape(len(self.rows), -1).amax(1) > MOST).cpu().numpy()


def _of_softmax(scores: Tensor, *_: Any, **__: Any) -> Tensor:
    shown = scores > torch.finfo(scores.dtype).min / 2
    return scores.where(shown, 0).abs().flatten(1) if scores.ndim > 1 else scores[:0]


def _of_attention(query: Tensor, key: Tensor, *_: Any, scale: float | None = None, **__: Any) -> Tensor:
    """Return what no score of a row exceeds: (batch, 1)."""
    size, factor = query.shape[-1], scale or query.shape[-1] ** -0.5
    largest = query.abs().flatten(1).amax(1) * key.abs().flatten(1).amax(1)
    return (largest * size * factor)[:, None]


_SIZES: Mapping[str, Callable[..., Tensor]] = {
    "_softmax": _of_softmax,
    "_safe_softmax": _of_softmax,
    "_scaled_dot_product_flash_attention_for_cpu": _of_attention,
    "_scaled_dot_product_efficient_attention": _of_attention,
    "_scaled_dot_product_flash_attention": _of_attention,
}
"""How large scores are, (rows or a multiple, ...), by the operation that makes weights of them."""
