"""Drawn networks that move, join and cut images in every way, as a pair: torch channels first, Keras channels last.

A network is a plan: steps on an image, then an end that counts what it makes of the image in some order. Both sides
read the same plan. A wrong twin counts the columns of the last image before its rows, on Keras' side only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from twotrack import Input, Pair

SIZES = (4, 6)
FEATURES = 3
KEEP = ("turn", "residual", "norm", "layer_norm", "gate", "excite", "stacked", "attend", "write", "pick", "roots")
"""Steps that change neither channels nor places."""
ENDS = ("dense", "norm_dense", "table", "columns", "rows", "image", "tokens", "patches", "raw", "mean", "scaled")


@dataclass(frozen=True)
class Step:
    """What is done to an image of some size."""

    kind: str
    number: int
    channels: int
    height: int
    width: int

    def name(self, layer: str) -> str:
        """Return the name of a layer inside."""
        return f"{self.kind}{self.number}_{layer}"


@dataclass(frozen=True)
class Plan:
    """The steps from an image (height, width, 3) on, and the end."""

    steps: tuple[Step, ...]
    end: Step


def plan(seed: int) -> Plan:
    """Draw a plan; every kind of step and end comes in the first few dozens."""
    generator = np.random.default_rng(seed)
    size = (FEATURES, *SIZES)
    steps = [Step("conv", 0, *size)]
    for number in range(1, 2 + int(generator.integers(2, 5))):
        size = _after(steps[-1])
        choice = _possible(*size, mixed=_is_mixed(steps))
        steps.append(Step(choice[(seed + 5 * number + int(generator.integers(3))) % len(choice)], number, *size))
    return Plan(tuple(steps), Step(ENDS[seed % len(ENDS)], len(steps), *_after(steps[-1])))


def _is_mixed(steps: Sequence[Step]) -> bool:
    """Tell whether the channels hold places, which the two sides count in another order and must not cut."""
    kinds = [step.kind for step in steps]
    return "shrink" in kinds and "conv" not in kinds[kinds.index("shrink") :]


def _possible(channels: int, height: int, width: int, mixed: bool) -> list[str]:
    kinds = [*KEEP, "conv", "join", "pad"]
    if mixed:
        kinds.remove("write")
        channels = 1
    kinds += ["pool", "average", "shrink"] if height % 2 == width % 2 == 0 and min(height, width) > 2 else []
    kinds += ["split", "mix"] if channels % 2 == 0 and channels > 2 else []
    kinds += ["enlarge"] if channels % 4 == 0 and height * width < 60 else []
    kinds += ["repeat"] if height * width < 30 else []
    return kinds + (["crop"] if min(height, width) > 3 else [])


AFTER: dict[str, Callable[[int, int, int, int], tuple[int, int, int]]] = {
    "conv": lambda n, c, h, w: (filters(n), h, w),
    "join": lambda n, c, h, w: (c + 2, h, w),
    "pad": lambda n, c, h, w: (c, h + 1, w + 1),
    "crop": lambda n, c, h, w: (c, h - 1, w - 1),
    "pool": lambda n, c, h, w: (c, h // 2, w // 2),
    "average": lambda n, c, h, w: (c, h // 2, w // 2),
    "shrink": lambda n, c, h, w: (4 * c, h // 2, w // 2),
    "enlarge": lambda n, c, h, w: (c // 4, 2 * h, 2 * w),
    "repeat": lambda n, c, h, w: (c, 2 * h, 2 * w),
    "split": lambda n, c, h, w: (c // 2, h, w),
}
"""Channels, height and width behind a step, from its number and those before it; of other kinds they stay."""


def filters(number: int) -> int:
    """Return how many channels the convolution of a step makes."""
    return 4 + number % 3 * 2


def _after(step: Step) -> tuple[int, int, int]:
    size = step.channels, step.height, step.width
    return AFTER[step.kind](step.number, *size) if step.kind in AFTER else size


def is_table(drawn: Plan) -> bool:
    """Tell whether the network takes features beside the image."""
    return drawn.end.kind == "table"


# === torch, channels first ===


def torch_network(seed: int) -> Any:
    """Return the torch module."""
    from torch import nn

    from tests.bridge import networks_torch

    drawn = plan(seed)
    layers: dict[str, nn.Module] = {}
    for step in (*drawn.steps, drawn.end):
        layers |= {step.name(name): layer for name, layer in networks_torch.layers(step).items()}
    return networks_torch.Network(drawn, layers)


# === Keras, channels last ===


def keras_network(seed: int, wrong: bool = False) -> Any:
    """Return the Keras model."""
    import keras

    from tests.bridge import networks_keras

    drawn = plan(seed)
    image = keras.Input((*SIZES, FEATURES), name="image")
    inputs = [image, keras.Input((3,), name="table")] if is_table(drawn) else [image]
    x = image
    for step in drawn.steps:
        x = networks_keras.STEPS[step.kind](step, x)
    x = keras.ops.transpose(x, (0, 2, 1, 3)) if wrong else x
    end = networks_keras.STEPS[drawn.end.kind]
    return keras.Model(inputs if inputs[1:] else image, end(drawn.end, x, *inputs[1:]))


def pair(seed: int, wrong: bool = False) -> Pair:
    """Return both sides."""
    shapes: dict[str, Input] = {"image": Input((*SIZES, FEATURES))}
    if is_table(plan(seed)):
        shapes["table"] = Input((3,))
    return Pair(partial(keras_network, seed, wrong), partial(torch_network, seed), shapes, "mean_squared_error")


def weights_of(shapes: dict[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Draw weights by name, positive where they are a variance."""
    generator = np.random.default_rng(1)
    return {
        name: generator.uniform(0.5, 1.5, shape) if name.endswith("variance") else generator.normal(0, 0.4, shape)
        for name, shape in sorted(shapes.items())
    }


HONEST, WRONG = pair(0), pair(0, wrong=True)
