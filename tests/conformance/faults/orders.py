"""Faults of order: the same numbers, in other places."""

from typing import Any

from tests.conformance.faults.family import BEHIND, FAULTS, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import maps, skips, transposes
from tests.support.families import Draw

ORDER = r"order|reversed|axes|axis"
MOVES = ("order", "reverse", "reshape")


@FAULTS.add("orders", "an image flattened in another order", ("image",), ("pictures",), place=1)
def flatten_order(draw: Draw, spot: Spot) -> Plant:
    """By a layer of its own: without one, the kernel behind it takes up any order."""
    name, form = spot.called("flat"), draw.one_of("torch", "width first", "planes turned")
    order = {"width first": (0, 3, 2, 1), "planes turned": (0, 1, 3, 2)}[form]

    def torch_side(t: Any) -> Any:
        class Flat(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return x.permute(order).reshape(len(x), -1)

        return Flat()

    size = spot.sizes[0] * spot.sizes[1] * spot.width
    flat = Part(name, lambda k, n: k.layers.Flatten(name=n), torch_side)
    narrow = Part(spot.called("narrow"), lambda k, n: k.layers.Dense(6, name=n), lambda t: t.nn.Linear(size, 6))
    return Plant(Truth("forward", name, (ORDER,), (maps(*MOVES),)), [flat, narrow], width=6, sizes=())


@FAULTS.add("orders", "vectors cut into heads the other way round", ("dense", "sequence"))
def reshape_order(draw: Draw, spot: Spot) -> Plant:
    """(2, width / 2) on one side, (width / 2, 2) on the other, each exchanged and flat again."""
    name, odd = spot.called("mixed"), draw.one_of("odd_side", "keras", "torch")
    half = spot.width // 2
    one, two = (2, half), (half, 2)

    def keras_side(k: Any, n: str) -> Any:
        shape = one if odd == "keras" else two
        rank = len(spot.sizes)
        return lambda x: k.ops.reshape(
            k.ops.swapaxes(k.ops.reshape(x, (-1, *spot.sizes, *shape)), rank + 1, rank + 2),
            (-1, *spot.sizes, spot.width),
        )

    def torch_side(t: Any) -> Any:
        shape = two if odd == "keras" else one
        return lambda x: x.unflatten(-1, shape).transpose(-1, -2).flatten(-2)

    if half == 2:
        return permuted_axes(draw, spot)
    part = Part(name, keras_side, torch_side)
    part.paired = False
    return Plant(Truth("forward", BEHIND, (ORDER,), (maps(*MOVES),)), [part])


@FAULTS.add("orders", "features exchanged by halves on one side", ("dense", "sequence"))
def permuted_axes(draw: Draw, spot: Spot) -> Plant:
    name, odd, form = spot.called("mixed"), draw.one_of("odd", "keras", "torch"), draw.one_of("how", "halves", "flip")
    half = spot.width // 2

    def keras_side(k: Any, n: str) -> Any:
        if form == "flip":
            return lambda x: k.ops.flip(x, axis=-1)
        return lambda x: k.ops.concatenate([x[..., half:], x[..., :half]], axis=-1)

    def torch_side(t: Any) -> Any:
        if form == "flip":
            return lambda x: x.flip(-1)
        return lambda x: t.cat([x[..., half:], x[..., :half]], -1)

    part = Part(name, keras_side if odd == "keras" else None, torch_side if odd == "torch" else None)
    return Plant(Truth("forward", BEHIND, (ORDER,), (maps(*MOVES), skips("flip"))), [part])


@FAULTS.add("orders", "a sequence read backwards on one side", ("sequence",), ("recurrent",), place=0)
def reversed_sequence(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("turned"), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: lambda x: k.ops.flip(x, axis=1)) if odd == "keras" else None,
        (lambda t: lambda x: x.flip(1)) if odd == "torch" else None,
    )
    return Plant(Truth("forward", BEHIND, (ORDER + "|flip|backwards",), (maps(*MOVES), skips("flip"))), [part])


@FAULTS.add("orders", "a square kernel that is transposed", ("dense", "sequence"))
def transposed_kernel(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("square"), draw.one_of("odd_side", "keras", "torch")

    def keras_side(k: Any, n: str) -> Any:
        class Turned(k.layers.Dense):
            def call(self, x: Any) -> Any:
                return k.ops.matmul(x, k.ops.transpose(self.kernel)) + self.bias

        return (Turned if odd == "keras" else k.layers.Dense)(spot.width, name=n)

    def torch_side(t: Any) -> Any:
        class Turned(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                return x @ self.weight + self.bias

        return (Turned if odd == "torch" else t.nn.Linear)(spot.width, spot.width)

    truth = Truth("forward", name, ("transposed|exchanged",), (transposes(f"{name}.kernel"),))
    return Plant(truth, [Part(name, keras_side, torch_side)])


@FAULTS.add("orders", "patches of an image as a row, in another order", ("image",), ("pictures",), place=1)
def row_of_places(draw: Draw, spot: Spot) -> Plant:
    """Rows first in Keras, columns first in torch; then a recurrent layer, which sees the order."""
    name, hidden = spot.called("reader"), draw.whole("units", 3, 5)
    count = spot.sizes[0] * spot.sizes[1]
    row = Part(
        spot.called("row"),
        lambda k, n: k.layers.Reshape((count, spot.width), name=n),
        lambda t: lambda x: x.permute(0, 3, 2, 1).flatten(1, 2),
        paired=False,
    )

    def reader(t: Any) -> Called:
        return Called(t.nn.GRU(spot.width, hidden, batch_first=True), lambda m, x: m(x)[0])

    read = Part(name, lambda k, n: k.layers.GRU(hidden, return_sequences=True, name=n), reader)
    truth = Truth("forward", name, (ORDER,), (maps(*MOVES),))
    return Plant(truth, [row, read], width=hidden, sizes=(count,))
