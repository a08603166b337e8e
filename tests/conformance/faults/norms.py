"""Faults of normalisations."""

from typing import Any

from tests.conformance.faults.family import ANYWHERE, BEHIND, FAULTS, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import adds, keeps, maps, replaces, sets, skips
from tests.support.families import Draw

EPSILONS = (1e-2, 1e-3, 1e-5, 1e-6)


def two_epsilons(draw: Draw) -> tuple[float, float]:
    """Return Keras' and torch's."""
    keras = draw.one_of("keras_epsilon", *EPSILONS)
    return keras, draw.one_of("torch_epsilon", *(one for one in EPSILONS if one != keras))


def epsilon(name: str, keras: float, torch: float) -> Truth:
    return Truth("forward", name, ("epsilon", f"{keras:g}", f"{torch:g}"), (sets(name, "eps", keras),))


def aligned_batch_norm(t: Any, kind: str, width: int, eps: float = 1e-5) -> Any:
    """Return torch's layer with Keras' variance."""
    from twotrack.torch_track import layers

    return getattr(layers, f"BatchNorm{kind}d")(width, eps=eps)


def dimensions(spot: Spot) -> int:
    """Return the number of torch's layers that have it in their names."""
    return 2 if spot.kind == "image" else 1


@FAULTS.add("normalisation", "epsilon of layer normalisation", kinds=("dense", "sequence"), count=2)
def layer_norm_epsilon(draw: Draw, spot: Spot) -> Plant:
    name, (keras, torch) = spot.called("norm"), two_epsilons(draw)
    part = Part(
        name,
        lambda k, n: k.layers.LayerNormalization(epsilon=keras, name=n),
        lambda t: t.nn.LayerNorm(spot.width, eps=torch),
    )
    return Plant(epsilon(name, keras, torch), [part])


@FAULTS.add("normalisation", "epsilon of batch normalisation", kinds=("dense", "image"))
def batch_norm_epsilon(draw: Draw, spot: Spot) -> Plant:
    name, (keras, torch) = spot.called("norm"), two_epsilons(draw)
    part = Part(
        name,
        lambda k, n: k.layers.BatchNormalization(momentum=0.9, epsilon=keras, name=n),
        lambda t: aligned_batch_norm(t, dimensions(spot), spot.width, torch),
    )
    return Plant(epsilon(name, keras, torch), [part])


@FAULTS.add("normalisation", "epsilon of group normalisation", kinds=("image",))
def group_norm_epsilon(draw: Draw, spot: Spot) -> Plant:
    name, (keras, torch) = spot.called("groups"), two_epsilons(draw)
    part = Part(
        name,
        lambda k, n: k.layers.GroupNormalization(2, epsilon=keras, name=n),
        lambda t: t.nn.GroupNorm(2, spot.width, eps=torch),
    )
    return Plant(epsilon(name, keras, torch), [part])


@FAULTS.add("normalisation", "epsilon of root-mean-square normalisation", kinds=("dense", "sequence"))
def rms_norm_epsilon(draw: Draw, spot: Spot) -> Plant:
    name, (keras, torch) = spot.called("norm"), two_epsilons(draw)
    part = Part(
        name,
        lambda k, n: k.layers.RMSNormalization(epsilon=keras, name=n),
        lambda t: t.nn.RMSNorm(spot.width, eps=torch),
    )
    return Plant(epsilon(name, keras, torch), [part])


@FAULTS.add("normalisation", "number of groups", kinds=("image",))
def groups(draw: Draw, spot: Spot) -> Plant:
    name = spot.called("groups")
    keras, torch = draw.one_of("groups", (1, 2), (2, 1), (2, spot.width), (spot.width, 1))
    part = Part(
        name,
        lambda k, n: k.layers.GroupNormalization(keras, epsilon=1e-5, name=n),
        lambda t: t.nn.GroupNorm(torch, spot.width),
    )
    return Plant(Truth("forward", name, ("groups",), (sets(name, "num_groups", keras),)), [part])


@FAULTS.add("normalisation", "layer normalisation over time in place of features", ("sequence",), ("signal",))
def norm_axis(draw: Draw, spot: Spot) -> Plant:
    """The number of features is made that of steps, so that the weights' shapes do not tell."""
    name, time, odd = spot.called("norm"), spot.sizes[0], draw.one_of("odd_side", "keras", "torch")
    narrow = Part(
        spot.called("narrow"), lambda k, n: k.layers.Dense(time, name=n), lambda t: t.nn.Linear(spot.width, time)
    )

    def torch_side(t: Any) -> Called:
        return Called(
            t.nn.LayerNorm(time), lambda m, x: m(x) if odd == "keras" else m(x.transpose(1, 2)).transpose(1, 2)
        )

    axis = 1 if odd == "keras" else -1
    norm = Part(name, lambda k, n: k.layers.LayerNormalization(axis=axis, epsilon=1e-5, name=n), torch_side)
    return Plant(
        Truth("forward", name, ("axes|axis|transpose",), (maps("order", at=(name,)), skips("transpose"))),
        [narrow, norm],
        width=time,
    )


@FAULTS.add("normalisation", "layer normalisation on one side only", kinds=("dense", "sequence"), count=2)
def norm_missing(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("norm"), draw.one_of("side_that_has_it", "keras", "torch_module", "torch_function")
    made = {
        "torch_module": lambda t: t.nn.LayerNorm(spot.width, elementwise_affine=False),
        "torch_function": lambda t: lambda x: t.nn.functional.layer_norm(x, (spot.width,)),
    }
    part = Part(
        name,
        (lambda k, n: k.layers.LayerNormalization(epsilon=1e-5, center=False, scale=False, name=n))
        if odd == "keras"
        else None,
        made.get(odd),
    )
    signs = (maps("layer_norm"), skips("layer_norm"), replaces(name, "identity"))
    return Plant(Truth("forward", BEHIND, ("norm",), signs), [part])


@FAULTS.add("normalisation", "normalisation in front of a block or behind it", kinds=("sequence",))
def norm_place(draw: Draw, spot: Spot) -> Plant:
    """x + f(norm(x)) against norm(x + f(x))."""
    norm, inner, kept = spot.called("norm"), spot.called("block"), spot.called("kept")
    odd = draw.one_of("pre_side", "keras", "torch")

    def keras_side(k: Any, n: str) -> Any:
        layer, dense = k.layers.LayerNormalization(epsilon=1e-5, name=norm), k.layers.Dense(spot.width, name=inner)
        return lambda x: x + dense(layer(x)) if odd == "keras" else layer(x + dense(x))

    def torch_side(t: Any) -> Any:
        class Block(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm, self.dense = t.nn.LayerNorm(spot.width), t.nn.Linear(spot.width, spot.width)

            def forward(self, x: Any) -> Any:
                return x + self.dense(self.norm(x)) if odd == "torch" else self.norm(x + self.dense(x))

        return Block()

    part = Part(kept, keras_side, torch_side, paired=False)
    rename = {f"{kept}.norm": norm, f"{kept}.dense": inner}
    signs = (
        maps("layer_norm"),
        adds(),
        skips("add", "__add__"),
        replaces(norm, "identity"),
        replaces(inner, "identity"),
    )
    return Plant(Truth("forward", ANYWHERE, (), signs), [part], {"rename": rename})


@FAULTS.add("normalisation", "momentum of batch normalisation", kinds=("dense", "image"))
def batch_norm_momentum(draw: Draw, spot: Spot) -> Plant:
    name, keras = spot.called("norm"), draw.one_of("keras_momentum", 0.99, 0.95, 0.8)
    part = Part(
        name,
        lambda k, n: k.layers.BatchNormalization(momentum=keras, epsilon=1e-5, name=n),
        lambda t: aligned_batch_norm(t, dimensions(spot), spot.width),
    )
    truth = Truth("training", ANYWHERE, (f"{keras:g}", "momentum|statistics"), (sets(name, "momentum", 1 - keras),))
    return Plant(truth, [part])


@FAULTS.add("normalisation", "variance that batch normalisation keeps", kinds=("dense", "image"))
def batch_norm_variance(draw: Draw, spot: Spot) -> Plant:
    name, kind = spot.called("norm"), dimensions(spot)
    part = Part(
        name,
        lambda k, n: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=n),
        lambda t: getattr(t.nn, f"BatchNorm{kind}d")(spot.width),
    )
    return Plant(Truth("training", ANYWHERE, ("variance",), (keeps(name, "biased"),)), [part])
