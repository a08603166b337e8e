"""Faults of activations and other functions of single values."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.faults.family import ANYWHERE, BEHIND, FAULTS, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import Sign, argues, calls, links, loses, maps, replaces, skips
from tests.hunt.forms import clip
from tests.hunt.network import Forms
from tests.support.families import Draw
from twotrack.shared.spec.changes import ReplaceLayer

TORCH_MODULES = {
    "relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "softplus": "Softplus",
    "elu": "ELU", "selu": "SELU", "mish": "Mish", "softsign": "Softsign",
}  # fmt: skip
"""By Keras' name."""
TORCH_FUNCTIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "softplus", "elu", "selu", "mish", "softsign")
USUAL_SLOPE = 0.01
SKIPPABLE = ("relu", "gelu", "silu", "tanh", "sigmoid", "softplus", "elu", "mish")


def keras_activation(kind: str) -> Callable[[Any, str], Any]:
    return lambda k, n: k.layers.Activation(kind, name=n)


def torch_module(kind: str) -> Callable[[Any], Any]:
    return lambda t: getattr(t.nn, TORCH_MODULES[kind])()


def torch_function(kind: str) -> Callable[[Any], Any]:
    return lambda t: getattr(t.nn.functional, kind)


@FAULTS.add("activations", "another activation, of two modules", count=2)
def activation_kind(draw: Draw, spot: Spot) -> Plant:
    name, keras = spot.called("bent"), draw.one_of("keras", *TORCH_MODULES)
    torch = draw.one_of("torch", *(one for one in TORCH_MODULES if one != keras))
    part = Part(name, keras_activation(keras), torch_module(torch))
    return Plant(Truth("forward", name, (keras, torch), (replaces(name, keras),)), [part])


@FAULTS.add("activations", "another activation, which Keras' layer has in itself", ("dense", "sequence"))
def fused_activation(draw: Draw, spot: Spot) -> Plant:
    name, keras = spot.called("fused"), draw.one_of("keras", *TORCH_FUNCTIONS)
    torch = draw.one_of("torch", *(one for one in TORCH_MODULES if one != keras))
    dense = Part(
        name,
        lambda k, n: k.layers.Dense(spot.width, activation=keras, name=n),
        lambda t: t.nn.Linear(spot.width, spot.width),
    )
    bent = Part(f"{name}_bent", None, torch_module(torch))
    signs = (replaces(bent.name, keras), maps(keras))
    return Plant(Truth("forward", ANYWHERE, (keras,), signs), [dense, bent])


@FAULTS.add("activations", "another activation, which torch has as a function")
def functional_activation(draw: Draw, spot: Spot) -> Plant:
    name, keras = spot.called("bent"), draw.one_of("keras", "silu", "mish", "softplus", "selu", "tanh")
    torch = draw.one_of("torch", *(one for one in ("relu", "gelu", "sigmoid") if one != keras))
    part = Part(name, keras_activation(keras), torch_function(torch), paired=False)
    return Plant(Truth("forward", BEHIND, (keras,), (skips(torch), maps(keras), calls(torch, keras))), [part])


@FAULTS.add("activations", "an activation on one side only", count=3)
def activation_missing(draw: Draw, spot: Spot) -> Plant:
    name, kind = spot.called("bent"), draw.one_of("kind", *SKIPPABLE)
    odd = draw.one_of("side_that_has_it", "keras", "torch_module", "torch_function")
    torch = {"torch_module": torch_module(kind), "torch_function": torch_function(kind)}.get(odd)
    part = Part(name, keras_activation(kind) if odd == "keras" else None, torch)
    signs = (maps(kind), skips(kind), replaces(name, "identity"))
    return Plant(Truth("forward", BEHIND, (kind,), signs), [part])


@FAULTS.add("activations", "an activation applied twice on one side")
def activation_doubled(draw: Draw, spot: Spot) -> Plant:
    name, kind = spot.called("bent"), draw.one_of("kind", "tanh", "sigmoid", "softplus", "silu")
    odd = draw.one_of("side_that_has_two", "keras", "torch")

    def keras_side(k: Any, n: str) -> Any:
        once = k.layers.Activation(kind, name=n)
        return (lambda x: getattr(k.ops, kind)(once(x))) if odd == "keras" else once

    def torch_side(t: Any) -> Any:
        function = getattr(t.nn.functional, kind)
        return (lambda x: function(function(x))) if odd == "torch" else function

    signs = (maps(kind), skips(kind))
    return Plant(Truth("forward", BEHIND, (kind,), signs), [Part(name, keras_side, torch_side, paired=False)])


@FAULTS.add("activations", "GELU by its formula or approximated")
def gelu_approximate(draw: Draw, spot: Spot) -> Plant:
    name, form = spot.called("gelu"), draw.one_of("torch", "module", "function")
    keras, torch = draw.one_of("approximate", (True, "none"), (False, "tanh"))
    made = {
        "module": lambda t: t.nn.GELU(approximate=torch),
        "function": lambda t: lambda x: t.nn.functional.gelu(x, approximate=torch),
    }

    def keras_side(k: Any, n: str) -> Any:
        return k.layers.Activation(lambda x: k.ops.gelu(x, approximate=keras), name=n)

    part = Part(name, keras_side, made[form], paired=form == "module")
    wanted = "tanh" if keras else "none"
    signs = (
        replaces(name, "gelu_tanh" if keras else "gelu"),
        argues("gelu", "approximate", wanted),
        calls("gelu", "gelu_tanh" if keras else "gelu"),
    )
    return Plant(Truth("forward", name if form == "module" else BEHIND, ("gelu",), signs), [part])


@FAULTS.add("activations", "slope of a leaky ReLU")
def leaky_slope(draw: Draw, spot: Spot) -> Plant:
    name, form = spot.called("leaky"), draw.one_of("torch", "module", "function")
    keras, torch = draw.one_of("slopes", (0.3, 0.01), (0.2, 0.01), (0.01, 0.2), (0.15, 0.3))
    made = {
        "module": lambda t: t.nn.LeakyReLU(torch),
        "function": lambda t: lambda x: t.nn.functional.leaky_relu(x, torch),
    }
    part = Part(
        name, lambda k, n: k.layers.LeakyReLU(negative_slope=keras, name=n), made[form], paired=form == "module"
    )
    usual = [lambda one: isinstance(one, ReplaceLayer) and not one.function.parameters] if keras == USUAL_SLOPE else []
    signs = (replaces(name, "leaky_relu", slope=keras), *usual, argues("leaky_relu", "negative_slope", keras))
    told = (f"{keras:g}" if keras != USUAL_SLOPE else "0.01|leaky_relu in",)
    truth = Truth("forward", name if form == "module" else BEHIND, told, signs)
    return Plant(truth, [part])


@FAULTS.add("activations", "softmax over another axis", ("sequence",))
def softmax_axis(draw: Draw, spot: Spot) -> Plant:
    name, keras, torch = spot.called("softmax"), *draw.one_of("axes", (-1, 1), (1, -1))
    part = Part(
        name,
        lambda k, n: lambda x: k.ops.softmax(x, axis=keras),
        lambda t: lambda x: t.nn.functional.softmax(x, dim=torch),
    )
    signs = (argues("softmax", "dim", keras), argues("softmax", "dim", keras % 3 if keras < 0 else keras - 3))
    return Plant(Truth("forward", BEHIND, ("softmax",), signs), [part])


def extra(kind: str, odd: str) -> tuple[Part, Sequence[Sign]]:
    """Return what is at the end of one side only."""
    keras = {"softmax": lambda k, n: k.layers.Softmax(name=n), "sigmoid": keras_activation("sigmoid")}[kind]
    torch = {"softmax": lambda t: t.nn.Softmax(-1), "sigmoid": lambda t: t.nn.Sigmoid()}[kind]
    part = Part(f"{kind}_end", keras if odd == "keras" else None, torch if odd == "torch" else None)
    return part, (maps(kind), links(kind), replaces(part.name, "identity"))


@FAULTS.add("activations", "softmax or sigmoid at the end of one side", ("dense", "sequence", "image"))
def extra_softmax(draw: Draw, spot: Spot) -> Plant:
    """It is put behind the last layer, wherever the place is."""
    part, signs = extra(draw.one_of("kind", "softmax", "sigmoid"), draw.one_of("odd_side", "keras", "torch"))
    return Plant(
        Truth("forward|loss", ANYWHERE, ("softmax|sigmoid|probabilities",), (*signs, loses("map_outputs"))), end=[part]
    )


@FAULTS.add("extremes", "ReLU against ReLU6")
def relu6(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("rectified"), draw.one_of("bounded_side", "keras", "torch")
    part = Part(
        name,
        lambda k, n: k.layers.ReLU(max_value=6.0 if odd == "keras" else None, name=n),
        lambda t: t.nn.ReLU6() if odd == "torch" else t.nn.ReLU(),
    )
    wanted, clips = ("relu6", [maps("clip", low=0.0, high=6.0)]) if odd == "keras" else ("relu", [])
    truth = Truth("range", name, ("relu6|below 6",), (replaces(name, wanted), *clips))
    return Plant(truth, [part])


@FAULTS.add("extremes", "limits of a clip")
def clip_limits(draw: Draw, spot: Spot) -> Plant:
    name, low, high = spot.called("clipped"), draw.real("low", 8, 20), draw.real("high", 8, 20)
    odd, other = draw.one_of("odd_side", "keras", "torch"), draw.real("other", 25, 60)
    one, two = clip(-low, high), clip(-low, other)
    keras, torch = (two, one) if odd == "keras" else (one, two)
    return Plant(
        Truth("range", f"{BEHIND}|", (), (maps("clip"), argues("clamp", "max", other if odd == "keras" else high))),
        [_written(draw, name, keras, torch)],
    )


def _written(draw: Draw, name: str, keras: Forms, torch: Forms) -> Part:
    return Part(name, keras.keras["ops"], torch.torch[draw.one_of("torch", "clamp", "module")], paired=False)


@FAULTS.add("extremes", "a bound on one side that ordinary values do not reach")
def bound_missing(draw: Draw, spot: Spot) -> Plant:
    name, bound, odd = spot.called("bounded"), draw.real("bound", 8, 50), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: lambda x: k.ops.clip(x, -bound, bound)) if odd == "keras" else None,
        (lambda t: lambda x: x.clamp(-bound, bound)) if odd == "torch" else None,
    )
    return Plant(Truth("range", f"{BEHIND}|", (), (maps("clip"), skips("clamp"))), [part])
