"""Faults of what slides over places: convolutions, pooling, resizing."""

from typing import Any

from tests.conformance.faults.family import BEHIND, FAULTS, LAST, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.network import over_time
from tests.conformance.faults.signs import argues, maps, replaces, sets
from tests.support.families import Draw

ROW = ("pictures", "signal")
"""Networks in which the number of places may change."""
PLACES = ("sequence", "image")


def conv_keras(spot: Spot, width: int, size: int = 3, **settings: Any) -> Any:
    kind = "Conv2D" if spot.kind == "image" else "Conv1D"
    return lambda k, n: getattr(k.layers, kind)(width, size, name=n, **settings)


def conv_torch(spot: Spot, width: int, size: int = 3, **settings: Any) -> Any:
    if spot.kind == "image":
        return lambda t: t.nn.Conv2d(spot.width, width, size, **settings)
    return lambda t: Called(t.nn.Conv1d(spot.width, width, size, **settings), over_time)


def halved(spot: Spot) -> tuple[int, ...]:
    return tuple((size + 1) // 2 for size in spot.sizes)


def rank(spot: Spot) -> int:
    return len(spot.sizes)


@FAULTS.add("windows", "'same' padding with a stride against equal padding", PLACES, ROW, place=0, count=2)
def same_padding(draw: Draw, spot: Spot) -> Plant:
    name, size = spot.called("conv"), draw.one_of("size", 3, 5)
    width = draw.whole("channels", 3, 6)
    part = Part(
        name,
        conv_keras(spot, width, size, strides=2, padding="same"),
        conv_torch(spot, width, size, stride=2, padding=size // 2),
    )
    truth = Truth("forward", name, ("pads",), (maps("pad", at=(name,)), sets(name, "padding", (0,) * rank(spot))))
    return Plant(truth, [part], width=width, sizes=halved(spot)) if _is_even(spot) else explicit_padding(draw, spot)


@FAULTS.add("windows", "padding at one end against padding at both", PLACES)
def explicit_padding(draw: Draw, spot: Spot) -> Plant:
    name, ends = spot.called("conv"), draw.one_of("ends", (0, 2), (2, 0))
    layer = "ZeroPadding2D" if spot.kind == "image" else "ZeroPadding1D"
    widths = (ends, ends) if spot.kind == "image" else ends

    def padded(k: Any, n: str) -> Any:
        pad, conv = getattr(k.layers, layer)(widths, name=f"{n}_pad"), conv_keras(spot, spot.width)(k, n)
        return lambda x: conv(pad(x))

    part = Part(name, padded, conv_torch(spot, spot.width, padding=1))
    signs = (maps("pad"), sets(name, "padding", (0,) * rank(spot)))
    return Plant(Truth("forward", f"{name}|{LAST}|{BEHIND}", ("pads|rows more",), signs), [part])


@FAULTS.add("windows", "stride of a convolution", ("image", "sequence"), ROW, place=1)
def stride(draw: Draw, spot: Spot) -> Plant:
    name, keras, torch = spot.called("conv"), *draw.one_of("strides", (1, 2), (2, 1))
    part = Part(
        name,
        conv_keras(spot, spot.width, 1, strides=keras),
        conv_torch(spot, spot.width, 1, stride=torch),
    )
    return Plant(Truth("forward", LAST, ("stride",), (sets(name, "stride", (keras,) * rank(spot)),)), [part])


@FAULTS.add("windows", "dilation of a convolution", ("image", "sequence"))
def dilation(draw: Draw, spot: Spot) -> Plant:
    name, keras, torch = spot.called("conv"), *draw.one_of("dilations", (2, 1), (1, 2), (2, 3))
    part = Part(
        name,
        conv_keras(spot, spot.width, dilation_rate=keras, padding="same"),
        conv_torch(spot, spot.width, dilation=torch, padding=torch),
    )
    whole = (keras,) * rank(spot)
    signs = (sets(name, "dilation", whole), sets(name, "padding", (0,) * rank(spot)), maps("pad", at=(name,)))
    return Plant(Truth("forward", name, ("dilation",), signs), [part])


@FAULTS.add("windows", "what a convolution is padded with", ("image",))
def padding_mode(draw: Draw, spot: Spot) -> Plant:
    name, mode = spot.called("conv"), draw.one_of("mode", "reflect", "symmetric", "wrap")
    odd = draw.one_of("odd_side", "keras", "torch")
    torch_mode = {"reflect": "reflect", "symmetric": "replicate", "wrap": "circular"}[mode]

    def padded(k: Any, n: str) -> Any:
        conv = conv_keras(spot, spot.width)(k, n)
        return lambda x: conv(k.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode))

    keras_side = padded if odd == "keras" else conv_keras(spot, spot.width, padding="same")
    part = Part(
        name,
        keras_side,
        conv_torch(spot, spot.width, padding=1, padding_mode="zeros" if odd == "keras" else torch_mode),
    )
    wanted = torch_mode if odd == "keras" else "zeros"
    signs = (sets(name, "padding_mode", wanted), maps("pad", at=(name,)), sets(name, "padding", (0, 0)))
    return Plant(Truth("forward", name, ("padding|pads",), signs), [part])


@FAULTS.add("windows", "what a transposed convolution cuts", ("image",), ROW, place=0)
def transposed_padding(draw: Draw, spot: Spot) -> Plant:
    name, size = spot.called("up"), draw.one_of("size", 3, 5)
    part = Part(
        name,
        lambda k, n: k.layers.Conv2DTranspose(3, size, strides=2, padding="same", name=n),
        lambda t: t.nn.ConvTranspose2d(spot.width, 3, size, stride=2, padding=size // 2, output_padding=1),
    )
    signs = (maps("pad", at=(name,)), sets(name, "padding", (0, 0)), sets(name, "output_padding", (0, 0)))
    truth = Truth("forward", name, ("cuts|pads|padding",), signs)
    return Plant(truth, [part], width=3, sizes=tuple(2 * n for n in spot.sizes))


def pool_keras(spot: Spot, how: str, *args: Any, **settings: Any) -> Any:
    kind = f"{how}Pooling{rank(spot)}D"
    return lambda k, n: getattr(k.layers, kind)(*args, name=n, **settings)


def pool_torch(spot: Spot, how: str, *args: Any, **settings: Any) -> Any:
    kind = f"{ {'Max': 'Max', 'Average': 'Avg'}[how] }Pool{rank(spot)}d"
    if spot.kind == "image":
        return lambda t: getattr(t.nn, kind)(*args, **settings)
    return lambda t: Called(getattr(t.nn, kind)(*args, **settings), over_time)


@FAULTS.add("windows", "maximum against mean in pooling", PLACES, ROW, place=0)
def pool_kind(draw: Draw, spot: Spot) -> Plant:
    name, keras, torch = spot.called("pool"), *draw.one_of("kinds", ("Max", "Average"), ("Average", "Max"))
    part = Part(name, pool_keras(spot, keras, 2), pool_torch(spot, torch, 2))
    signs = (replaces(name, "pool", how=keras.lower()),)
    truth = Truth("forward", name, ("pooling", "max", "average"), signs)
    return Plant(truth, [part], sizes=tuple(n // 2 for n in spot.sizes))


@FAULTS.add("windows", "padding of a pooling layer with a stride", PLACES, ROW, place=0)
def pool_padding(draw: Draw, spot: Spot) -> Plant:
    """The largest of each window: Keras' means pad with other values on each backend."""
    name = spot.called("pool")
    part = Part(
        name,
        pool_keras(spot, "Max", 3, strides=2, padding="same"),
        pool_torch(spot, "Max", 3, stride=2, padding=1),
    )
    truth = Truth("forward", name, ("pads",), (replaces(name, "pool", how="max"),))
    return Plant(truth, [part], sizes=halved(spot)) if _is_even(spot) else pool_kind(draw, spot)


def _is_even(spot: Spot) -> bool:
    return all(size % 2 == 0 for size in spot.sizes)


@FAULTS.add("windows", "padding that counts in a mean", ("image",))
def count_include_pad(draw: Draw, spot: Spot) -> Plant:
    name, size = spot.called("pool"), draw.one_of("size", 3, 5)
    part = Part(
        name,
        pool_keras(spot, "Average", size, strides=1, padding="same"),
        pool_torch(spot, "Average", size, stride=1, padding=size // 2),
    )
    signs = (replaces(name, "pool", counts=False), sets(name, "count_include_pad", False))
    return Plant(Truth("forward", name, ("count",), signs), [part])


@FAULTS.add("windows", "window of a pooling layer", ("image",), ROW, place=0)
def pool_window(draw: Draw, spot: Spot) -> Plant:
    """With a stride of 2, windows of 2, and of 3 with one row cut, give as many places."""
    name, how, odd = (
        spot.called("pool"),
        draw.one_of("how", "Max", "Average"),
        draw.one_of("odd_side", "keras", "torch"),
    )
    keras, torch = (3, 2) if odd == "keras" else (2, 3)
    part = Part(
        name,
        pool_keras(spot, how, keras, strides=2, padding="same" if keras == 3 else "valid"),
        pool_torch(spot, how, torch, stride=2, padding=1 if torch == 3 else 0),
    )
    truth = Truth("forward", name, ("window",), (replaces(name, "pool", size=(keras, keras), how=how.lower()),))
    return Plant(truth, [part], sizes=tuple(n // 2 for n in spot.sizes))


@FAULTS.add("windows", "how an image is made larger", ("image",), ROW, place=0, count=3)
def upsampling(draw: Draw, spot: Spot) -> Plant:
    name, form = spot.called("larger"), draw.one_of("torch", "module", "function")
    keras, torch, aligned = draw.one_of(
        "modes", ("nearest", "bilinear", False), ("bilinear", "nearest", None), ("bilinear", "bilinear", True)
    )
    made = {
        "module": lambda t: t.nn.Upsample(scale_factor=2, mode=torch, align_corners=aligned),
        "function": lambda t: (
            lambda x: t.nn.functional.interpolate(x, scale_factor=2, mode=torch, align_corners=aligned)
        ),
    }
    part = Part(
        name,
        lambda k, n: k.layers.UpSampling2D(2, interpolation=keras, name=n),
        made[form],
        paired=form == "module",
    )
    wanted = None if keras == "nearest" else False
    signs = (
        sets(name, "mode", keras),
        sets(name, "align_corners", wanted),
        argues("interpolate", "mode", keras),
        argues("interpolate", "align_corners", wanted),
    )
    where = name if form == "module" else "bend"
    truth = Truth("forward", where, ("mode|align_corners|resize",), signs)
    return Plant(truth, [part], sizes=tuple(2 * n for n in spot.sizes))
