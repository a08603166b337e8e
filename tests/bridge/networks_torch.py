"""The steps of drawn networks in torch, channels first."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.bridge.networks import Plan, Step, filters
from twotrack.torch_track.layers import BatchNorm1d, BatchNorm2d


class Network(nn.Module):
    """Reads a plan."""

    def __init__(self, drawn: Plan, layers: dict[str, nn.Module]):
        super().__init__()
        self.plan = drawn
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor, *table: Tensor) -> Tensor:
        for step in self.plan.steps:
            x = STEPS[step.kind](lambda name, step=step: self.get_submodule(step.name(name)), x)
        end = self.plan.end
        return STEPS[end.kind](lambda name: self.get_submodule(end.name(name)), x, *table)


class Raw(nn.Module):
    """Weights of no layer: a factor for each feature, and a matrix."""

    def __init__(self, features: int):
        super().__init__()
        self.scale, self.matrix = nn.Parameter(torch.ones(features)), nn.Parameter(torch.rand(features, 3))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.scale) @ self.matrix


class Positions(nn.Module):
    """A factor for each number of an image."""

    def __init__(self, *shape: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


def features(step: Step) -> int:
    return step.channels * step.height * step.width


LAYERS = {
    "conv": lambda step: {"conv": nn.Conv2d(step.channels, filters(step.number), 3, padding=1)},
    "join": lambda step: {"conv": nn.Conv2d(step.channels, 2, 1)},
    "residual": lambda step: {"conv": nn.Conv2d(step.channels, step.channels, 3, padding=1, groups=step.channels)},
    "norm": lambda step: {"norm": BatchNorm2d(step.channels)},
    "layer_norm": lambda step: {"norm": nn.LayerNorm(step.channels, 1e-5)},
    "gate": lambda step: {"conv": nn.Conv2d(2, 1, 3, padding=1)},
    "excite": lambda step: {"dense": nn.Linear(step.channels, step.channels)},
    "dense": lambda step: {"dense": nn.Linear(features(step), 3)},
    "tokens": lambda step: {"dense": nn.Linear(step.channels, 3)},
    "patches": lambda step: {"dense": nn.Linear(step.channels, 3)},
    "columns": lambda step: {"dense": nn.Linear(step.channels * step.height, 3)},
    "rows": lambda step: {"dense": nn.Linear(step.channels * step.width, 3)},
    "table": lambda step: {"dense": nn.Linear(features(step) + 3, 3)},
    "raw": lambda step: {"raw": Raw(features(step))},
    "scaled": lambda step: {
        "positions": Positions(step.channels, step.height, step.width),
        "dense": nn.Linear(features(step), 3),
    },
    "norm_dense": lambda step: {
        "batch": BatchNorm1d(features(step)),
        "layer": nn.LayerNorm(features(step), 1e-5),
        "dense": nn.Linear(features(step), 3),
    },
}
"""Of the steps that have any."""


def layers(step: Step) -> dict[str, nn.Module]:
    """Return the layers of a step."""
    return LAYERS[step.kind](step) if step.kind in LAYERS else {}


def excite(layer, x):
    scale = layer("dense")(x.mean((2, 3))).sigmoid()[:, :, None, None]
    return scale * x


def gate(layer, x):
    both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
    return x * layer("conv")(both).sigmoid()


def attend(layer, x):
    flat = x.flatten(2)
    weights = torch.softmax(flat.transpose(1, 2) @ flat / 4, -1)
    return x + torch.einsum("bcj,bij->bci", flat, weights).view_as(x)


def mix(layer, x):
    batch, channels, height, width = x.shape
    return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(x.shape)


def write(layer, x):
    y = torch.zeros_like(x)
    y[:, ::2] = x[:, ::2]
    return y.relu_() - x


def split(layer, x):
    a, b = x.chunk(2, 1)
    return a * b.sigmoid()


def pick(layer, x):
    order = torch.arange(x.shape[1] - 1, -1, -1)
    return torch.where(x > 0, x, 0.2 * x)[:, order]


STEPS = {
    "conv": lambda layer, x: functional.relu(layer("conv")(x)),
    "join": lambda layer, x: torch.cat([layer("conv")(x), x], 1),
    "residual": lambda layer, x: layer("conv")(x) + x,
    "norm": lambda layer, x: layer("norm")(x),
    "layer_norm": lambda layer, x: layer("norm")(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "gate": gate,
    "excite": excite,
    "stacked": lambda layer, x: torch.stack([x, x.tanh()], 1).sum(1),
    "attend": attend,
    "write": write,
    "pick": pick,
    "roots": lambda layer, x: torch.einsum("bchw,bchw->bchw", x, x.square().add(1).rsqrt()),
    "turn": lambda layer, x: x.roll(1, 3).flip(2),
    "pad": lambda layer, x: functional.pad(x, (1, 0, 0, 1)),
    "crop": lambda layer, x: x[:, :, 1:, :-1],
    "pool": lambda layer, x: functional.max_pool2d(x, 2),
    "average": lambda layer, x: functional.avg_pool2d(x, 2),
    "shrink": lambda layer, x: functional.pixel_unshuffle(x, 2),
    "enlarge": lambda layer, x: functional.pixel_shuffle(x, 2),
    "repeat": lambda layer, x: functional.interpolate(x, scale_factor=2),
    "split": split,
    "mix": mix,
    "dense": lambda layer, x: layer("dense")(x.flatten(1)),
    "norm_dense": lambda layer, x: layer("dense")(layer("layer")(layer("batch")(x.reshape(len(x), -1)).relu())),
    "table": lambda layer, x, table: layer("dense")(torch.cat([table[:, :1], x.flatten(1), table[:, 1:]], 1)),
    "columns": lambda layer, x: layer("dense")(x.permute(0, 3, 1, 2).flatten(2)),
    "rows": lambda layer, x: layer("dense")(torch.stack([row.flatten(1) for row in x.unbind(2)], 1)),
    "image": lambda layer, x: x,
    "tokens": lambda layer, x: layer("dense")(x.flatten(2).transpose(1, 2)),
    "patches": lambda layer, x: layer("dense")(functional.unfold(x, 1).transpose(1, 2)).sum(1),
    "raw": lambda layer, x: layer("raw")(x.flatten(1)),
    "mean": lambda layer, x: x.mean((2, 3)),
    "scaled": lambda layer, x: layer("dense")(layer("positions")(x).flatten(1)),
}
