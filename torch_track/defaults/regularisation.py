"""What PyTorch holds to weights by default."""

import torch
from torch import nn

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def weight_penalties() -> Measured:
    """A step of SGD with weight_decay on weights of 1 without any loss; aligned: twice the number."""

    def moved(decay: float) -> tuple[float, float]:
        layer = nn.Linear(1, 1)
        for one in layer.parameters():
            nn.init.ones_(one)
            one.grad = torch.zeros_like(one)
        torch.optim.SGD(layer.parameters(), lr=1.0, weight_decay=decay).step()
        return 1 - layer.weight.item(), 1 - layer.bias.item()

    kernel, bias = moved(0.125)
    values = {"gradient of a weight of 1, over c": kernel / 0.125, "biases too": bias > 0}
    return Measured(values, kernel, moved(0.25)[0])


@DEFAULTS.measures
def max_norm() -> Measured:
    """torch.renorm of columns, one within the limit and one beyond."""
    weight = torch.from_numpy(samples.normal(4, 3).astype("float64"))
    limit = float(weight.norm(dim=0).median())
    found = torch.renorm(weight, 2, 1, limit)
    within = weight.norm(dim=0) < limit
    return Measured({"moves weights within the limit": not torch.equal(found[:, within], weight[:, within])})


@DEFAULTS.measures
def activity_penalty() -> Measured:
    """A penalty of what a layer gives, as it is written by hand; aligned: over the batch size."""
    given = torch.from_numpy(samples.normal(4, 3))
    total = given.square().sum()
    return Measured({"is divided by the batch": False}, total, total / len(given))
