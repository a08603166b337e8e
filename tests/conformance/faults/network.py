"""Networks of several kinds with places for faults, as a Keras and a PyTorch side that call one part after another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.conformance.faults.family import BEHIND, Called, Part, Plant, Spot, Truth
from twotrack import Input


@dataclass(frozen=True)
class Sown:
    """A network with what was planted into it."""

    inputs: Mapping[str, Input]
    parts: Sequence[Part]
    plants: Sequence[Plant]
    truths: Sequence[Truth]
    """In the order of the plants, each with the place that it has in this network."""

    def keras(self) -> Callable[[], Any]:
        """Return the build function of a functional model."""

        def build() -> Any:
            import keras

            given = [_keras_input(keras, name, spec) for name, spec in self.inputs.items()]
            held = dict(zip(["x", "other"], given, strict=False))
            for part in self.parts:
                if part.keras is not None:
                    held[part.gives] = part.keras(keras, part.name)(*(held[name] for name in part.takes))
            return keras.Model(given, held["x"])

        return build

    def torch(self) -> Callable[[], Any]:
        """Return the build function of a module that has every part's module as its own."""

        def build() -> Any:
            import torch

            made = [(part, part.torch(torch)) for part in self.parts if part.torch is not None]
            return _torch_network(torch, made)

        return build


def _keras_input(keras: Any, name: str, spec: Input) -> Any:
    return keras.Input(spec.shape, name=name, dtype={"tokens": "int32", "mask": "bool"}.get(spec.kind))


def _torch_network(torch: Any, made: Sequence[tuple[Part, Any]]) -> Any:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for part, one in made:
                module = one.module if isinstance(one, Called) else one
                if isinstance(module, torch.nn.Module):
                    self.add_module(part.name, module)

        def forward(self, *given: Any) -> Any:
            held = dict(zip(["x", "other"], given, strict=False))
            for part, one in made:
                taken = [held[name] for name in part.takes]
                held[part.gives] = one.function(one.module, *taken) if isinstance(one, Called) else one(*taken)
            return held["x"]

    return Network()


class Bed:
    """Grows a network part by part."""

    def __init__(self, kind: str, width: int, sizes: tuple[int, ...]):
        self.kind, self.width, self.sizes = kind, width, sizes
        self.parts: list[Part] = []
        self._plants: list[tuple[Plant, int]] = []

    def put(self, *parts: Part) -> "Bed":
        """Add parts that keep the width."""
        self.parts += parts
        return self

    def dense(self, name: str, width: int, **settings: Any) -> "Bed":
        """Add a dense layer over the last axis."""
        before, self.width = self.width, width
        return self.put(
            Part(name, lambda k, n: k.layers.Dense(width, name=n, **settings), lambda t: t.nn.Linear(before, width))
        )

    def conv(self, name: str, width: int) -> "Bed":
        """Add a convolution over images, or over time."""
        before, self.width = self.width, width
        if self.kind == "image":
            return self.put(
                Part(
                    name,
                    lambda k, n: k.layers.Conv2D(width, 3, padding="same", name=n),
                    lambda t: t.nn.Conv2d(before, width, 3, padding=1),
                )
            )
        return self.put(
            Part(
                name,
                lambda k, n: k.layers.Conv1D(width, 3, padding="same", name=n),
                lambda t: Called(t.nn.Conv1d(before, width, 3, padding=1), over_time),
            )
        )

    def tanh(self, name: str) -> "Bed":
        """Add a layer that bends values."""
        return self.put(Part(name, lambda k, n: k.layers.Activation("tanh", name=n), lambda t: t.nn.Tanh()))

    def keep(self, name: str) -> "Bed":
        """Hold the value for later."""
        return self.put(Part(name, lambda k, n: lambda x: x, lambda t: lambda x: x, gives=name, paired=False))

    def take(self, name: str) -> "Bed":
        """Go on with a value that was held."""
        return self.put(Part(name, lambda k, n: lambda x: x, lambda t: lambda x: x, takes=(name,), paired=False))

    def add(self, name: str) -> "Bed":
        """Add a value that was held: a residual connection."""
        return self.put(
            Part(
                f"add_{name}",
                lambda k, n: lambda x, kept: k.layers.Add(name=n)([x, kept]),
                lambda t: lambda x, kept: x + kept,
                takes=("x", name),
                paired=False,
            )
        )

    def join(self, name: str, width: int) -> "Bed":
        """Set a value of some width that was held behind the channels."""
        self.width, axis = self.width + width, 1 if self.kind == "image" else -1
        return self.put(
            Part(
                f"join_{name}",
                lambda k, n: lambda x, kept: k.layers.Concatenate(name=n)([x, kept]),
                lambda t: lambda x, kept: t.cat([x, kept], axis),
                takes=("x", name),
                paired=False,
            )
        )

    def mean(self) -> "Bed":
        """Take the mean over all places, if there are any."""
        if self.kind == "dense":
            return self
        kind = {"image": "GlobalAveragePooling2D", "sequence": "GlobalAveragePooling1D"}[self.kind]
        axes = {"image": (2, 3), "sequence": (1,)}[self.kind]
        self.kind, self.sizes = "dense", ()
        return self.put(
            Part("mean", lambda k, n: getattr(k.layers, kind)(name=n), lambda t: lambda x: x.mean(axes), paired=False)
        )

    def sow(self, plant: Callable[[Spot], Plant] | None) -> "Bed":
        """Plant something here, or nothing."""
        if plant is None:
            return self
        before = next((part.name for part in reversed(self.parts) if part.paired), "")
        sown = plant(Spot(self.kind, self.width, self.sizes, before, len(self._plants)))
        self.put(*sown.parts)
        self._plants.append((sown, len(self.parts)))
        self.width = sown.width or self.width
        if sown.sizes is not None:
            self.sizes = sown.sizes
            self.kind = {0: "dense", 1: "sequence", 2: "image"}[len(sown.sizes)]
        return self

    def done(self, inputs: Mapping[str, Input]) -> Sown:
        """Return the network."""
        truths = [
            replace(plant.truth, where=plant.truth.where.replace(BEHIND, self._behind(end)))
            for plant, end in self._plants
        ]
        end = [part for plant, _ in self._plants for part in plant.end]
        return Sown(inputs, [*self.parts, *end], [plant for plant, _ in self._plants], truths)

    def _behind(self, end: int) -> str:
        """Return the first layer of both sides that gets what comes of x."""
        reached = {"x"}
        for part in self.parts[end:]:
            if not reached & {*part.takes}:
                reached -= {part.gives}
                continue
            if part.paired:
                return part.name
            reached |= {part.gives}
        return ""


def over_time(module: Any, x: Any) -> Any:
    """Call a module that has channels first on (batch, time, channels)."""
    return module(x.transpose(1, 2)).transpose(1, 2)
