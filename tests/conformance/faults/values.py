"""Faults of constants, residual connections and weights that one side alone has."""

from math import sqrt
from typing import Any

from tests.conformance.faults.family import ANYWHERE, BEHIND, FAULTS, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import adds, drops, grows, maps, shrinks, skips
from tests.support.families import Draw

TIMES = ("mul", "__mul__", "__rmul__", "div", "__truediv__")
PLUS = ("add", "__add__", "__radd__", "sub", "__sub__")


def scaled(draw: Draw, spot: Spot, factor: float, told: str) -> Plant:
    """Return a factor on one side."""
    name, odd = spot.called("scaled"), draw.one_of("scaled_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: k.layers.Rescaling(factor, name=n)) if odd == "keras" else None,
        (lambda t: lambda x: x * factor) if odd == "torch" else None,
    )
    signs = (maps("scale", factor=factor if odd == "keras" else 1 / factor), skips(*TIMES))
    return Plant(Truth("forward", BEHIND, (told,), signs), [part])


@FAULTS.add("constants", "a constant factor", count=2)
def constant_factor(draw: Draw, spot: Spot) -> Plant:
    factor = draw.one_of("factor", 2.0, 0.5, -1.0, 10.0, 0.1, 1.7, 0.83)
    return scaled(draw, spot, factor, "times as large|mul")


@FAULTS.add("constants", "vectors of words times the root of their size", ("sequence",), ("tokens",), place=0)
def embedding_factor(draw: Draw, spot: Spot) -> Plant:
    return scaled(draw, spot, sqrt(spot.width), "sqrt|times as large|mul")


@FAULTS.add("constants", "inputs divided by 255 on one side", ("dense",), place=0)
def input_scale(draw: Draw, spot: Spot) -> Plant:
    """It stands in front of a layer of its own, as at the beginning of a model."""
    return scaled(draw, spot, draw.one_of("divided", 1 / 255, 1 / 127.5), "255|127.5|times as large|mul")


@FAULTS.add("constants", "a constant offset")
def constant_offset(draw: Draw, spot: Spot) -> Plant:
    name, by, odd = spot.called("moved"), draw.real("by", 0.05, 2), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: k.layers.Rescaling(1.0, offset=by, name=n)) if odd == "keras" else None,
        (lambda t: lambda x: x + by) if odd == "torch" else None,
    )
    signs = (maps("offset", by=by if odd == "keras" else -by), skips(*PLUS))
    return Plant(Truth("forward", BEHIND, ("larger|add",), signs), [part])


@FAULTS.add("constants", "another factor and offset", ("dense", "sequence", "image"))
def affine(draw: Draw, spot: Spot) -> Plant:
    """x / a - b on one side, as pixels are brought to -1 ... 1."""
    name, factor, by = spot.called("moved"), draw.real("factor", 0.2, 5), draw.real("by", 0.1, 2)
    part = Part(name, lambda k, n: k.layers.Rescaling(factor, offset=by, name=n), None)
    truth = Truth("forward", BEHIND, (f"{factor:g} x",), (maps("scale", factor=factor), maps("offset", by=by)))
    return Plant(truth, [part])


@FAULTS.add("connections", "a residual connection on one side only", count=3)
def residual_missing(draw: Draw, spot: Spot) -> Plant:
    kept, inner, odd = spot.called("kept"), spot.called("around"), draw.one_of("residual_side", "keras", "torch")
    factor = 1.0 if odd == "keras" else -1.0
    keep = Part(kept, lambda k, n: lambda x: x, lambda t: lambda x: x, gives=kept, paired=False)

    def layer(k: Any, n: str) -> Any:
        made = {"dense": k.layers.Dense, "sequence": k.layers.Dense, "image": k.layers.Conv2D}[spot.kind]
        return made(spot.width, **({"kernel_size": 1} if spot.kind == "image" else {}), name=n)

    def module(t: Any) -> Any:
        return t.nn.Conv2d(spot.width, spot.width, 1) if spot.kind == "image" else t.nn.Linear(spot.width, spot.width)

    add = Part(
        spot.called("sum"),
        lambda k, n: lambda x, y: k.layers.Add(name=n)([x, y]) if odd == "keras" else x,
        lambda t: lambda x, y: x + y if odd == "torch" else x,
        ("x", kept),
        paired=False,
    )
    signs = (adds(factor=factor), skips("add", "__add__"))
    return Plant(Truth("forward", BEHIND, ("add",), signs), [keep, Part(inner, layer, module), add])


@FAULTS.add("connections", "a connection with a factor", ("dense", "sequence"))
def residual_factor(draw: Draw, spot: Spot) -> Plant:
    """x + f(x) against x + a f(x), as where a block is scaled."""
    kept, inner, factor = spot.called("kept"), spot.called("around"), draw.one_of("factor", 0.5, 0.1, 2.0)
    odd = draw.one_of("scaled_side", "keras", "torch")
    keep = Part(kept, lambda k, n: lambda x: x, lambda t: lambda x: x, gives=kept, paired=False)
    layer = Part(inner, lambda k, n: k.layers.Dense(spot.width, name=n), lambda t: t.nn.Linear(spot.width, spot.width))
    add = Part(
        spot.called("sum"),
        lambda k, n: lambda x, y: y + x * (factor if odd == "keras" else 1.0),
        lambda t: lambda x, y: y + x * (factor if odd == "torch" else 1.0),
        ("x", kept),
        paired=False,
    )
    wanted = factor if odd == "keras" else 1 / factor
    own = wanted - 1 if odd == "keras" else 1 - factor
    signs = (adds(inner, factor=own), maps("scale", at=(inner,), factor=wanted), skips(*TIMES))
    return Plant(Truth("forward", BEHIND, ("times|mul|add",), signs), [keep, layer, add])


@FAULTS.add("weights", "a bias on one side only", ("dense", "sequence", "image"), count=2)
def bias_missing(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("straight"), draw.one_of("side_that_has_it", "torch", "torch", "keras")

    def layer(k: Any, n: str) -> Any:
        if spot.kind == "image":
            return k.layers.Conv2D(spot.width, 1, use_bias=odd == "keras", name=n)
        return k.layers.Dense(spot.width, use_bias=odd == "keras", name=n)

    def module(t: Any) -> Any:
        if spot.kind == "image":
            return t.nn.Conv2d(spot.width, spot.width, 1, bias=odd == "torch")
        return t.nn.Linear(spot.width, spot.width, bias=odd == "torch")

    truth = Truth(
        "parameters", ANYWHERE, ("bias",), (drops(f"{name}.bias"), shrinks(f"{name}.bias"), grows(f"{name}.bias"))
    )
    return Plant(truth, [Part(name, layer, module)])


@FAULTS.add("weights", "a scale or an offset of a normalisation on one side only", ("dense", "sequence"))
def norm_bias(draw: Draw, spot: Spot) -> Plant:
    name = spot.called("norm")
    part = Part(
        name,
        lambda k, n: k.layers.LayerNormalization(epsilon=1e-5, center=False, name=n),
        lambda t: t.nn.LayerNorm(spot.width),
    )
    return Plant(Truth("parameters", ANYWHERE, ("bias|beta",), (drops(f"{name}.bias"), shrinks(f"{name}."))), [part])
