"""A PReLU with as many slopes as Keras' has: one, one for each channel, or one for each number of an example."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from twotrack.shared.axes.layout import Arrangements
from twotrack.torch_track.axes import channels_last
from twotrack.torch_track.changes.arranging import arranged_back


def with_slopes(layer: nn.PReLU, given: Arrangements) -> Callable[[Tensor], Tensor]:
    """Return the forward of a PReLU whose slopes have Keras' shape, which goes on to the last axes of (..., channels).

    `given` is how what the layer is given is arranged.
    """

    def forward(x: Tensor) -> Tensor:
        (own,) = channels_last([x], given[:1])
        sloped = torch.where(own > 0, own, layer.weight * own)
        return arranged_back(sloped, given[0] if given else None)

    return forward
