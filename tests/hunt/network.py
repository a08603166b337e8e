"""Small networks, written once as a row of steps with a Keras and a PyTorch side each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.hunt.family import Case, Reveal
from tests.support.families import Draw
from twotrack import SGD, Adam, Input, Pair

KerasMake = Callable[[Any, str], Callable[[Any], Any]]
"""Maps keras and a name to a layer or a function."""
TorchMake = Callable[[Any], Callable[[Any], Any]]
"""Maps torch to a module, to a function, or to a `ByMode`."""


class ByMode(NamedTuple):
    """A function of torch that is told whether the model is being trained."""

    function: Callable[[Any, bool], Any]


class Step(NamedTuple):
    """One layer or function of a network; None where a side has nothing."""

    name: str
    keras: KerasMake | None
    torch: TorchMake | None


class Forms(NamedTuple):
    """Ways to write one function, by name."""

    keras: Mapping[str, KerasMake]
    torch: Mapping[str, TorchMake]


@dataclass(frozen=True)
class Site:
    """Where a step is to stand."""

    kind: str
    """dense: (batch, width); sequence: (batch, time, width); image: (batch, height, width of the image, width)."""
    width: int
    """Features or channels."""
    sizes: tuple[int, ...]
    """Of the other axes but the batch."""


@dataclass(frozen=True)
class Body:
    """Inputs, and the steps between them and the output."""

    inputs: Mapping[str, Input]
    steps: Sequence[Step]
    open_axes: bool = False
    """Keras leaves all axes but the last open."""

    def pair(self, **rest: Any) -> Pair:
        """Return the pair of both sides."""
        return Pair(keras_network(self), torch_network(self), self.inputs, **rest)

    def case(self, draw: Draw, reveal: Reveal = Reveal(), **rest: Any) -> Case:  # noqa: B008 - frozen
        """Return the case of both sides, with a drawn optimizer; what is in question are the steps around no others."""
        places = tuple(step.name for step in self.steps if step.name not in _AROUND)
        others = {} if "optimizer" in rest else training(draw)
        return Case(self.pair(**(others | rest)), reveal, places=places)


_AROUND = ("first", "second", "last", "mix", "bend", "squash", "mean")
"""Steps that are there to make a network of those in question."""


def keras_network(body: Body) -> Callable[[], Any]:
    """Return the build function of a functional model."""

    def build() -> Any:
        import keras

        given = [_keras_input(keras, name, spec, body.open_axes) for name, spec in body.inputs.items()]
        x = given[0] if len(given) == 1 else given
        for step in body.steps:
            if step.keras is not None:
                x = step.keras(keras, step.name)(x)
        return keras.Model(given, x)

    return build


def _keras_input(keras: Any, name: str, spec: Input, is_open: bool) -> Any:
    shape = (*(None for _ in spec.shape[:-1]), spec.shape[-1]) if is_open else spec.shape
    return keras.Input(shape, name=name, dtype={"tokens": "int32", "mask": "bool"}.get(spec.kind))


def torch_network(body: Body) -> Callable[[], Any]:
    """Return the build function of a module that calls one step after the other."""

    def build() -> Any:
        import torch

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.steps = [(step.name, step.torch(torch)) for step in body.steps if step.torch is not None]
                for name, made in self.steps:
                    if isinstance(made, torch.nn.Module):
                        self.add_module(name, made)

            def forward(self, *given: Any) -> Any:
                x = given[0] if len(given) == 1 else given
                for _, made in self.steps:
                    x = made.function(x, self.training) if isinstance(made, ByMode) else made(x)
                return x

        return Network()

    return build


def keras_layer(keras: Any, name: str, call: Callable[[Any, bool], Any], **settings: Any) -> Any:
    """Return a layer of its own whose values are call(x, training)."""

    class Own(keras.layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            return call(x, training)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Own(name=name, **settings)


def torch_module(torch: Any, call: Callable[[Any, Any], Any]) -> Any:
    """Return a module whose values are call(module, x)."""

    class Own(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return call(self, x)

    return Own()


# === Steps that both sides have ===


def dense(name: str, inputs: int, outputs: int, **settings: Any) -> Step:
    return Step(
        name,
        lambda k, n: k.layers.Dense(outputs, name=n, **settings),
        lambda t: t.nn.Linear(inputs, outputs),
    )


def conv(name: str, inputs: int, outputs: int, size: int = 3) -> Step:
    return Step(
        name,
        lambda k, n: k.layers.Conv2D(outputs, size, padding="same", name=n),
        lambda t: t.nn.Conv2d(inputs, outputs, size, padding=size // 2),
    )


def mean_of_image(name: str = "mean") -> Step:
    return Step(name, lambda k, n: k.layers.GlobalAveragePooling2D(name=n), lambda t: lambda x: x.mean((2, 3)))


def mean_of_sequence(name: str = "mean") -> Step:
    return Step(name, lambda k, n: k.layers.GlobalAveragePooling1D(name=n), lambda t: lambda x: x.mean(1))


def tanh(name: str = "squash") -> Step:
    return Step(name, lambda k, n: k.layers.Activation("tanh", name=n), lambda t: t.nn.Tanh())


def bend() -> Step:
    """A leaky ReLU: it is not linear, and large values pass."""
    return Step("bend", lambda k, n: k.layers.LeakyReLU(0.3, name=n), lambda t: t.nn.LeakyReLU(0.3))


def relu(name: str = "relu") -> Step:
    return Step(name, lambda k, n: k.layers.ReLU(name=n), lambda t: t.nn.ReLU())


# === A step in a network around it ===

KINDS = ("dense", "sequence", "image")
PLACES = ("input", "hidden", "output")


def around(
    draw: Draw,
    middle: Callable[[Site], Sequence[Step]],
    kinds: Sequence[str] = KINDS,
    places: Sequence[str] = PLACES,
    open_axes: bool = False,
) -> Body:
    """Return a network of two layers with weights, and the steps in question before, between or behind them."""
    kind, place = draw.one_of("network", *kinds), draw.one_of("place", *places)
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 7), draw.whole("outputs", 2, 4)
    sizes = (draw.whole("time", 3, 6),) if kind == "sequence" else {"dense": (), "image": (6, 4)}[kind]
    width = {"input": features, "hidden": hidden, "output": outputs}[place]
    within = ("dense", ()) if kind == "image" and place == "output" else (kind, sizes)
    steps = middle(Site(within[0], width, within[1]))
    first, last = _ends(kind, features, hidden, outputs)
    ordered = {
        "input": [*steps, *first, bend(), *last],
        "hidden": [*first, *steps, *last],
        "output": [*first, bend(), *last, *steps],
    }[place]
    return Body({"input": Input((*sizes, features))}, ordered, open_axes)


def _ends(kind: str, features: int, hidden: int, outputs: int) -> tuple[list[Step], list[Step]]:
    if kind == "image":
        return [conv("first", features, hidden)], [mean_of_image(), dense("last", hidden, outputs)]
    return [dense("first", features, hidden)], [dense("last", hidden, outputs)]


def training(draw: Draw) -> dict[str, Any]:
    """Return an optimizer for a pair whose difference is elsewhere."""
    kind = {"SGD": SGD, "Adam": Adam}[draw.one_of("optimizer", "SGD", "Adam")]
    return {"optimizer": kind(learning_rate=draw.real("rate", 1e-3, 3e-2))}


def differ(draw: Draw, one: Forms, other: Forms, name: str = "middle") -> Step:
    """Return a step that is `one` on the side that is drawn and `other` on the other side, each in a drawn form."""
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        one, other = other, one
    return _written(draw, one, other, name)


def agree(draw: Draw, forms: Forms, name: str = "middle") -> Step:
    """Return a step that is one function on both sides, each in a drawn form."""
    return _written(draw, forms, forms, name)


def _written(draw: Draw, keras_side: Forms, torch_side: Forms, name: str) -> Step:
    keras_form, torch_form = draw.one_of("keras", *keras_side.keras), draw.one_of("torch", *torch_side.torch)
    return Step(name, keras_side.keras[keras_form], torch_side.torch[torch_form])
