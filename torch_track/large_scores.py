"""Where a softmax is given scores as large as the numbers with which models hide others from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from twotrack.torch_track.structure import values

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

    def _note(self, sizes: np.ndarray) -> None:
        if len(sizes) and len(sizes) % len(self.rows) == 0:  # heads and windows may be rows of their own
            self.rows |= sizes.reshape(len(self.rows), -1).max(1) > MOST


def _of_softmax(scores: Tensor, *_: Any, **__: Any) -> np.ndarray:
    given = values(scores)
    shown = given > np.finfo(given.dtype).min / 2
    return np.where(shown, np.abs(given), 0.0)


def _of_attention(query: Tensor, key: Tensor, *_: Any, scale: float | None = None, **__: Any) -> np.ndarray:
    """Return what no score of a row exceeds, (batch,)."""
    size, factor = query.shape[-1], scale or query.shape[-1] ** -0.5
    largest = [np.abs(values(one)).reshape(len(one), -1).max(1) for one in (query, key)]
    return np.asarray(largest[0] * largest[1] * size * factor)


_SIZES: Mapping[str, Callable[..., np.ndarray]] = {
    "_softmax": _of_softmax,
    "_safe_softmax": _of_softmax,
    "_scaled_dot_product_flash_attention_for_cpu": _of_attention,
    "_scaled_dot_product_efficient_attention": _of_attention,
    "_scaled_dot_product_flash_attention": _of_attention,
}
"""How large scores are, (rows or a multiple, ...), by the operation that makes weights of them.

NumPy computes it: what else watches the pass would take torch's operations for the model's.
"""
