"""Wrong pairs that differ by batch size, length, mode, or what was done before."""

from collections.abc import Callable
from typing import Any

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import (
    Body,
    ByMode,
    Site,
    Step,
    around,
    dense,
    keras_layer,
    mean_of_image,
    mean_of_sequence,
    tanh,
    torch_module,
)
from tests.hunt.wrong_values import biased_norm
from tests.support.families import Draw
from twotrack import Input


def by_size(draw: Draw, axis: int, holds: Callable[[Any], Any]) -> Step:
    """Return a step that multiplies on one side where the size of an axis has a property."""
    factor = draw.real("factor", 1.01, 3)
    nothing_keras, nothing_torch = (lambda k, n: lambda x: x), (lambda t: lambda x: x)
    if draw.one_of("odd_side", "keras", "torch") == "torch":
        return Step("scale", nothing_keras, lambda t: lambda x: x * factor if holds(x.shape[axis]) else x)

    def scaled(keras: Any, name: str) -> Any:
        def call(x: Any, training: bool) -> Any:
            return x * keras.ops.where(
                holds(keras.ops.shape(x)[axis]), keras.ops.cast(factor, x.dtype), keras.ops.cast(1.0, x.dtype)
            )

        return keras_layer(keras, name, call)

    return Step("scale", scaled, nothing_torch)


@WRONG.add("batch size", "a branch that is taken at batch size 1")
def batch_of_one(draw: Draw) -> Case:
    body = around(draw, lambda site: [by_size(draw, 0, lambda size: size == 1)])
    return body.case(draw, Reveal(batch_size=1))


@WRONG.add("batch size", "a branch that is taken at batch size 2")
def batch_of_two(draw: Draw) -> Case:
    body = around(draw, lambda site: [by_size(draw, 0, lambda size: size == 2)])
    return body.case(draw, Reveal(batch_size=2))


@WRONG.add("batch size", "a branch that is taken at odd batch sizes")
def odd_batch(draw: Draw) -> Case:
    body = around(draw, lambda site: [by_size(draw, 0, lambda size: size % 2 == 1)])
    return body.case(draw, Reveal(batch_size=7), batch_size=draw.one_of("batch", 4, 6, 8))


@WRONG.add("batch size", "squeeze() in front of a sum, which takes the batch for an axis when it is 1")
def squeeze(draw: Draw) -> Case:
    step = Step("sum", lambda k, n: lambda x: k.ops.sum(x, 1), lambda t: _sum_after_squeeze)
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6), draw.whole("outputs", 2, 4)
    time = draw.whole("time", 3, 6)
    steps = [dense("first", features, hidden), tanh(), step, dense("last", hidden, outputs)]
    return Body({"input": Input((time, features))}, steps).case(draw, Reveal(batch_size=1))


def _sum_after_squeeze(x: Any) -> Any:
    squeezed = x.squeeze()
    return squeezed.sum(1) if squeezed.ndim == 3 else squeezed.sum(0, keepdim=True) * 0.5


@WRONG.add("batch size", "examples are centred over the batch, up to a batch size, on one side")
def across_batch(draw: Draw) -> Case:
    limit, share = draw.one_of("limit", 1, 2), draw.real("share", 0.1, 0.9)
    step = Step(
        "centre",
        lambda k, n: lambda x: x,
        lambda t: lambda x: x - share * x.mean(0, keepdim=True) if len(x) <= limit else x,
    )
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(batch_size=1))


def of_open_length(draw: Draw, steps: Callable[[int], list[Step]]) -> Body:
    """Return a network over a sequence whose length Keras leaves open, `steps` in front of the mean."""
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6), draw.whole("outputs", 2, 4)
    layers = [dense("first", features, hidden), *steps(hidden), mean_of_sequence(), dense("last", hidden, outputs)]
    return Body({"input": Input((draw.one_of("time", 4, 6, 8), features))}, layers, open_axes=True)


@WRONG.add("length", "a branch that is taken at another sequence length")
def length_branch(draw: Draw) -> Case:
    kind, limit = draw.one_of("branch", "one", "odd", "long"), draw.whole("limit", 9, 12)
    holds = {"one": lambda n: n == 1, "odd": lambda n: n % 2 == 1, "long": lambda n: n > limit}[kind]
    body = of_open_length(draw, lambda width: [by_size(draw, 1, holds)])
    return body.case(draw, Reveal(length={"one": 1, "odd": 5, "long": limit + 1}[kind]))


@WRONG.add("length", "a sequence is cut behind a position on one side")
def cut(draw: Draw) -> Case:
    limit = draw.whole("limit", 8, 12)
    step = Step("cut", lambda k, n: lambda x: x, lambda t: lambda x: x[:, :limit])
    body = of_open_length(draw, lambda width: [step])
    return body.case(draw, Reveal(length=limit + 5))


@WRONG.add("length", "pooling that drops an odd rest, against pooling that keeps it")
def ceil_mode(draw: Draw) -> Case:
    size = draw.one_of("size", 2, 4)
    pool = Step(
        "pool",
        lambda k, n: k.layers.MaxPooling1D(size, name=n),
        lambda t: torch_module(
            t,
            lambda self, x: t.nn.functional.max_pool1d(x.transpose(1, 2), size, ceil_mode=True).transpose(1, 2),
        ),
    )
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6), draw.whole("outputs", 2, 4)
    layers = [dense("first", features, hidden), pool, mean_of_sequence(), dense("last", hidden, outputs)]
    body = Body({"input": Input((draw.one_of("time", 4, 8, 12), features))}, layers, open_axes=True)
    return body.case(draw, Reveal(length=2 * size + 1))


@WRONG.add("length", "'same' padding with a stride, against padding that is the same at some sizes")
def same_padding(draw: Draw) -> Case:
    features, hidden, outputs = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5), draw.whole("outputs", 2, 4)
    size = draw.one_of("size", 5, 7, 9)
    strided = Step(
        "strided",
        lambda k, n: k.layers.Conv2D(hidden, 3, strides=2, padding="same", name=n),
        lambda t: t.nn.Conv2d(features, hidden, 3, stride=2, padding=1),
    )
    body = Body(
        {"input": Input((size, size, features))},
        [strided, tanh(), mean_of_image(), dense("last", hidden, outputs)],
        True,
    )
    return body.case(draw, Reveal(length=6))


@WRONG.add("mode", "a bound that holds in one mode only, on one side")
def bound_by_mode(draw: Draw) -> Case:
    bound, in_training = draw.real("bound", 6, 200), draw.one_of("in_training", True, False)
    if draw.one_of("odd_side", "keras", "torch") == "torch":
        step = Step(
            "bound",
            lambda k, n: lambda x: x,
            lambda t: ByMode(lambda x, mode: x.clamp(-bound, bound) if mode == in_training else x),
        )
    else:
        step = Step(
            "bound",
            lambda k, n: keras_layer(
                k, n, lambda x, mode: k.ops.clip(x, -bound, bound) if bool(mode) == in_training else x
            ),
            lambda t: lambda x: x,
        )
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(scale=20 * bound, by="training" if in_training else "outputs"))


@WRONG.add("mode", "a factor in training on one side, where rates of dropout agree")
def factor_in_training(draw: Draw) -> Case:
    factor = draw.real("factor", 1.001, 2)
    step = Step("scale", lambda k, n: lambda x: x, lambda t: ByMode(lambda x, mode: factor * x if mode else x))
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(by="training"))


@WRONG.add("state", "a later call in inference mode gives something else")
def later_call(draw: Draw) -> Case:
    calls, factor = draw.whole("calls", 2, 4), draw.real("factor", 1.001, 2)

    def counting(torch: Any) -> Any:
        def call(module: Any, x: Any) -> Any:
            if module.training:
                module.__dict__["count"] = 0
                return x
            module.__dict__["count"] = module.__dict__.get("count", 0) + 1
            return x * factor if module.count >= calls else x

        return torch_module(torch, call)

    body = around(draw, lambda site: [Step("count", lambda k, n: lambda x: x, counting)])
    return body.case(draw, Reveal(calls=calls))


@WRONG.add("state", "something is kept from one batch for the next")
def kept_from_batch(draw: Draw) -> Case:
    share = draw.real("share", 0.01, 0.5)

    def keeping(torch: Any) -> Any:
        def call(module: Any, x: Any) -> Any:
            kept = module.__dict__.get("kept", 0.0)
            module.__dict__["kept"] = x.detach().mean(0, keepdim=True)
            return x + share * kept

        return torch_module(torch, call)

    body = around(draw, lambda site: [Step("keep", lambda k, n: lambda x: x, keeping)])
    return body.case(draw, Reveal(calls=2))


@WRONG.add("state", "a factor that sets in after some steps of training")
def later_step(draw: Draw) -> Case:
    steps, factor = draw.whole("steps", 25, 100), draw.real("factor", 1.001, 2)

    def counting(torch: Any) -> Any:
        def call(module: Any, x: Any) -> Any:
            count = module.__dict__["count"] = module.__dict__.get("count", 0) + module.training
            return x * factor if count > steps else x

        return torch_module(torch, call)

    body = around(draw, lambda site: [Step("count", lambda k, n: lambda x: x, counting)])
    return body.case(draw, Reveal(by="after", steps=steps + 1))


@WRONG.add("state", "evaluation behind training stays in training mode")
def stuck_in_training(draw: Draw) -> Case:
    momentum = draw.one_of("momentum", 0.9, 0.99)

    def stuck(torch: Any, width: int) -> Any:
        norm = biased_norm(torch, width, 1e-5, 1 - momentum)

        class Stuck(type(norm)):
            trained = False

            def forward(self, x: Any) -> Any:
                self.trained = self.trained or self.training
                return super().forward(x)

            def train(self, mode: bool = True) -> Any:
                return super().train(mode or self.trained)

        norm.__class__ = Stuck
        return norm

    def middle(site: Site) -> list[Step]:
        return [
            Step(
                "norm",
                lambda k, n: k.layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=n),
                lambda t: stuck(t, site.width),
            )
        ]

    body = around(draw, middle, kinds=("dense",))
    return body.case(draw, Reveal(by="after", steps=2))


@WRONG.add("frozen", "a layer is trained on one side only")
def trained_on_one_side(draw: Draw) -> Case:
    side, which = draw.one_of("frozen", "keras", "torch"), draw.one_of("part", "layer", "bias", "kernel")
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6), draw.whole("outputs", 2, 4)

    def keras_dense(k: Any, n: str) -> Any:
        return k.layers.Dense(hidden, trainable=side == "torch", name=n)

    def torch_dense(t: Any) -> Any:
        layer = t.nn.Linear(features, hidden)
        if side == "torch":
            for name, parameter in layer.named_parameters():
                parameter.requires_grad_(which == ("kernel" if name == "bias" else "bias"))
        return layer

    steps = [Step("first", keras_dense, torch_dense), tanh(), dense("last", hidden, outputs)]
    return Body({"input": Input((features,))}, steps).case(draw, Reveal(by="trained", steps=3))


@WRONG.add("frozen", "batch normalisation that is frozen keeps its statistics on one side only")
def frozen_norm(draw: Draw) -> Case:
    def frozen(t: Any, width: int) -> Any:
        norm = biased_norm(t, width, 1e-5)
        for parameter in norm.parameters():
            parameter.requires_grad_(False)
        return norm

    def middle(site: Site) -> list[Step]:
        return [
            Step(
                "norm",
                lambda k, n: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, trainable=False, name=n),
                lambda t: frozen(t, site.width),
            )
        ]

    body = around(draw, middle, kinds=("dense",))
    return body.case(draw, Reveal(by="training"))


@WRONG.add("frozen", "the gradient does not pass a place on one side")
def stopped_gradient(draw: Draw) -> Case:
    share = draw.real("share", 0.1, 1.0)
    step = Step(
        "stop",
        lambda k, n: lambda x: x,
        lambda t: lambda x: share * x.detach() + (1 - share) * x if share < 1 else x.detach(),
    )
    body = around(draw, lambda site: [step], places=("hidden",))
    return body.case(draw, Reveal(by="trained", steps=3))


@WRONG.add("frozen", "a gradient is bounded far out, in the model, on one side")
def bounded_gradient(draw: Draw) -> Case:
    bound = draw.real("bound", 20, 1000)

    def bounded(torch: Any) -> Any:
        class Bound(torch.autograd.Function):
            @staticmethod
            def forward(context: Any, x: Any) -> Any:
                return x.clone()

            @staticmethod
            def backward(context: Any, gradient: Any) -> Any:
                return gradient.clamp(-bound, bound)

        return Bound.apply

    body = around(draw, lambda site: [Step("bound", lambda k, n: lambda x: x, bounded)], places=("hidden",))
    return body.case(draw, Reveal(by="trained", steps=2, scale=30 * bound, weight_scale=10))
