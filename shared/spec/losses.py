"""The named losses, and the form in which each takes its targets. Light: naming a loss loads no NumPy."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

LossName = Literal["cross_entropy", "binary_cross_entropy", "mean_squared_error"]
TARGET_KINDS: dict[LossName, Literal["classes", "binary", "real"]] = {
    "cross_entropy": "classes",
    "binary_cross_entropy": "binary",
    "mean_squared_error": "real",
}
"""The first two expect logits. All are means over the batch."""


def as_targets(loss: LossName, labels: "np.ndarray") -> "np.ndarray":
    """Turn labels (batch,) into targets: (batch,) for classes, else float32 (batch, 1) like a single output.

    The second axis matters: torch would broadcast (batch,) against (batch, 1) to (batch, batch).
    """
    return labels if TARGET_KINDS[loss] == "classes" else labels.astype("float32")[:, None]
