"""Labels that a model draws from its own distribution, for the curvature that Sophia-G estimates. NumPy only.

The Gauss-Newton-Bartlett estimate (Liu et al. 2023, Algorithm 2) is taken on a training batch: forward in
training mode, one label drawn for each output from the distribution that the loss takes it for, and b,
the gradient of the mean loss in these labels; batch_size * b^2 is then, in expectation over the labels,
the diagonal of the loss's Gauss-Newton matrix. batch_size counts labels: (batch, time) of them for logits
(batch, time, classes).

A label is read off the output after noise is added to it. The noise does not depend on the outputs, so it
is drawn here, the same for every track, and added inside each framework's own training step:

cross_entropy         argmax(logits + noise), Gumbel noise       P(label = k) = softmax(logits)_k
binary_cross_entropy  [logit + noise > 0], logistic noise        P(label = 1) = sigmoid(logit)
mean_squared_error    output + noise, normal, variance 1/2       -log density = (output - label)^2 + constant

Several outputs are trained on the sum of their losses. There b is the gradient of the sum of
sqrt(batch_size) * loss over the outputs, and b^2 the estimate: labels of different outputs are
independent, so the mixed terms of the square vanish in expectation.
"""

from math import sqrt
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.spec.losses import TARGET_KINDS, LossName

if TYPE_CHECKING:
    from twotrack.shared.spec.objective import Objective


def draw_noise(loss: LossName, shape: tuple[int, ...], step: int, output: int = 0) -> np.ndarray:
    """Return the noise for the model's output number `output`, of that shape, at `step` (0-based); float64."""
    generator = np.random.default_rng([step, output, crc32(b"curvature")])
    match TARGET_KINDS[loss]:
        case "classes":
            return generator.gumbel(size=shape)
        case "binary":
            return generator.logistic(size=shape)
        case "real":
            return generator.normal(scale=sqrt(0.5), size=shape)


def require_named(loss: "Objective") -> LossName:
    """Return the loss if it is a name, of which the distribution is known; UserError otherwise."""
    if isinstance(loss, str):
        return loss
    raise UserError(
        "Sophia draws labels from the model's own distribution, which a loss of your own does not state; "
        f"name the loss ({', '.join(TARGET_KINDS)}) or choose another optimizer."
    )
