"""Wrong pairs whose optimizers part late, or at gradients that are large, tiny or zero."""

from collections.abc import Callable, Mapping
from math import cos, pi
from typing import Any

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import Body, Step, dense, tanh
from tests.support.families import Draw
from twotrack import CustomOptimizer, Input

KerasRate = float | Callable[[Any], Any]
"""A rate, or a function of keras that returns a schedule."""


def keras_optimizer(name: str, rate: KerasRate, **settings: Any) -> Callable[[], Any]:
    """Return the function that makes an optimizer of Keras."""

    def build() -> Any:
        import keras

        chosen = rate(keras) if callable(rate) else rate
        return getattr(keras.optimizers, name)(learning_rate=chosen, **settings)

    return build


def torch_optimizer(
    name: str, rate: float, *hooks: Callable[[Any, Any, list], None], **settings: Any
) -> Callable[[Any], Any]:
    """Return the function that makes an optimizer of torch; each hook gets (torch, optimizer, parameters)."""

    def build(parameters: Any) -> Any:
        import torch

        held = list(parameters)
        optimizer = getattr(torch.optim, name)(held, lr=rate, **settings)
        for hook in hooks:
            hook(torch, optimizer, held)
        return optimizer

    return build


def before_step(change: Callable[[Any, list], Any]) -> Callable[[Any, Any, list], None]:
    """Return a hook: `change` gets (torch, parameters) in front of every step."""

    def hook(torch: Any, optimizer: Any, parameters: list) -> None:
        optimizer.register_step_pre_hook(lambda *_: change(torch, parameters))

    return hook


def behind_step(change: Callable[[Any, Any, list, int], Any]) -> Callable[[Any, Any, list], None]:
    """Return a hook: `change` gets (torch, optimizer, parameters, steps done) behind every step, without gradients."""

    def hook(torch: Any, optimizer: Any, parameters: list) -> None:
        done = [0]

        def after(*_: Any) -> None:
            done[0] += 1
            with torch.no_grad():
                change(torch, optimizer, parameters, done[0])

        optimizer.register_step_post_hook(after)

    return hook


def case(draw: Draw, keras: Callable[[], Any], torch: Callable[[Any], Any], reveal: Reveal) -> Case:
    """Return a small network that is trained by these optimizers."""
    features, hidden = draw.whole("features", 3, 6), draw.whole("hidden", 3, 6)
    body = Body({"input": Input((features,))}, [dense("first", features, hidden), tanh(), dense("last", hidden, 2)])
    return Case(body.pair(optimizer=CustomOptimizer(keras, torch)), reveal, places=("optimizer",))


ADAM: Mapping[str, Any] = {"beta_1": 0.9, "beta_2": 0.999}
TINY = 1e-30
"""An epsilon that no gradient here meets: Keras' and torch's Adam put theirs in different places."""


def base(draw: Draw, rate: float, torch_rate: float | None = None, **keras_settings: Any):
    """Return an equal pair of optimizers as functions of further settings and hooks."""
    name = draw.one_of("optimizer", "SGD", "Adam")
    torch_rate = rate if torch_rate is None else torch_rate
    if name == "SGD":
        return (
            lambda given=rate, **rest: keras_optimizer("SGD", given, **rest),
            lambda *hooks, **rest: torch_optimizer("SGD", torch_rate, *hooks, **rest),
        )
    return (
        lambda given=rate, **rest: keras_optimizer("Adam", given, epsilon=TINY, **ADAM, **rest),
        lambda *hooks, **rest: torch_optimizer("Adam", torch_rate, *hooks, eps=TINY, **rest),
    )


# === Large gradients ===


@WRONG.add("gradient size", "gradients clipped far out on one side")
def clipping(draw: Draw) -> Case:
    kind, bound = draw.one_of("kind", "clipnorm", "clipvalue", "global_clipnorm"), draw.real("bound", 20, 1e4)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    reveal = Reveal(by="optimizer", scale=bound, steps=30)
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        return case(draw, keras(**{kind: bound}), torch(), reveal)
    return case(draw, keras(), torch(before_step(torch_clip(kind, bound))), reveal)


def torch_clip(kind: str, bound: float) -> Callable[[Any, list], None]:
    """Return what clips as Keras does: clipnorm by parameter, global_clipnorm over all."""

    def clip(torch: Any, parameters: list) -> None:
        if kind == "clipvalue":
            torch.nn.utils.clip_grad_value_(parameters, bound)
        elif kind == "clipnorm":
            for one in parameters:
                one.grad.mul_(bound / one.grad.norm().clamp(min=bound))
        else:
            norm = torch.stack([one.grad.norm() for one in parameters]).norm()
            for one in parameters:
                one.grad.mul_(bound / norm.clamp(min=bound))

    return clip


@WRONG.add("gradient size", "clipping by variable against clipping over all, both far out")
def clipping_kind(draw: Draw) -> Case:
    bound = draw.real("bound", 20, 1e4)
    kinds = ("clipnorm", "clipvalue", "global_clipnorm")
    one = draw.one_of("keras_kind", *kinds)
    other = draw.one_of("torch_kind", *(kind for kind in kinds if kind != one))
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    hook = before_step(torch_clip(other, bound))
    return case(draw, keras(**{one: bound}), torch(hook), Reveal(by="optimizer", scale=bound, steps=30))


@WRONG.add("gradient size", "a step with very large gradients is left out on one side")
def skipped_step(draw: Draw) -> Case:
    bound = draw.real("bound", 50, 1e5)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))

    def skip(torch: Any, parameters: list) -> None:
        if max(one.grad.abs().max() for one in parameters) > bound:
            for one in parameters:
                one.grad.zero_()

    return case(draw, keras(), torch(before_step(skip)), Reveal(by="optimizer", scale=3 * bound, steps=30))


@WRONG.add("gradient size", "an epsilon that tiny gradients alone meet")
def tiny_epsilon(draw: Draw) -> Case:
    epsilon = draw.real("epsilon", 1e-17, 1e-15)
    rate = draw.real("rate", 1e-3, 1e-2)
    keras = keras_optimizer("Adam", rate, epsilon=TINY, **ADAM)
    torch = torch_optimizer("Adam", rate, eps=epsilon)
    return case(draw, keras, torch, Reveal(by="optimizer", scale=epsilon, steps=20))


@WRONG.add("gradient size", "gradients that are tiny are set to zero on one side")
def flushed_gradients(draw: Draw) -> Case:
    bound = draw.real("bound", 1e-12, 1e-8)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))

    def flush(torch: Any, parameters: list) -> None:
        for one in parameters:
            one.grad.mul_(one.grad.abs() > bound)

    reveal = Reveal(by="optimizer", scale=bound / 3, steps=20, least=1e-15)
    return case(draw, keras(), torch(before_step(flush)), reveal)


@WRONG.add("gradient size", "weights whose gradient is zero are left alone on one side")
def zero_gradients(draw: Draw) -> Case:
    rate = draw.real("rate", 1e-3, 1e-2)

    def keep(torch: Any, optimizer: Any, parameters: list) -> None:
        kept: list = []
        optimizer.register_step_pre_hook(lambda *_: kept.extend([one.detach().clone() for one in parameters]))

        def restore(*_: Any) -> None:
            with torch.no_grad():
                for one, before in zip(parameters, kept, strict=True):
                    one.copy_(torch.where(one.grad == 0, before, one))
            kept.clear()

        optimizer.register_step_post_hook(restore)

    keras = keras_optimizer("Adam", rate, epsilon=TINY, **ADAM)
    reveal = Reveal(by="optimizer", zeros=True, steps=5)
    return case(draw, keras, torch_optimizer("Adam", rate, keep, eps=TINY), reveal)


# === Late steps ===


@WRONG.add("step number", "weights are averaged every so many steps, on one side")
def averaged_weights(draw: Draw) -> Case:
    every, momentum = draw.whole("every", 25, 500), draw.one_of("momentum", 0.9, 0.99, 0.999)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    settings = {"use_ema": True, "ema_momentum": momentum, "ema_overwrite_frequency": every}
    return case(draw, keras(**settings), torch(), Reveal(by="optimizer", steps=every + 1))


@WRONG.add("step number", "gradients are summed over some steps, on one side")
def accumulation(draw: Draw) -> Case:
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    every = draw.one_of("every", 2, 4, 8)
    return case(draw, keras(gradient_accumulation_steps=every), torch(), Reveal(by="optimizer"))


@WRONG.add("step number", "the learning rate drops at a late step, on one side")
def late_drop(draw: Draw) -> Case:
    at, factor, rate = draw.whole("at", 25, 1500), draw.one_of("factor", 0.1, 0.5, 2.0), draw.real("rate", 1e-3, 1e-2)
    keras, torch = base(draw, rate)
    if draw.one_of("odd_side", "keras", "torch") == "torch":

        def drop(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
            if done == at:
                for group in optimizer.param_groups:
                    group["lr"] *= factor

        return case(draw, keras(), torch(behind_step(drop)), Reveal(by="optimizer", steps=at + 2))

    def schedule(k: Any) -> Any:
        return k.optimizers.schedules.PiecewiseConstantDecay([at - 1], [rate, rate * factor])

    return case(draw, keras(schedule), torch(), Reveal(by="optimizer", steps=at + 2))


@WRONG.add("step number", "a cosine that rises again behind its end, against one that stays")
def cosine_end(draw: Draw) -> Case:
    steps, rate = draw.whole("steps", 25, 500), draw.real("rate", 1e-3, 1e-1)
    keras, torch = base(draw, rate)
    rising = torch(torch_cosine(rate, steps, stays=False))
    return case(draw, keras(keras_cosine(rate, steps)), rising, Reveal(by="optimizer", steps=steps + 5))


def keras_cosine(rate: float, steps: int) -> Callable[[Any], Any]:
    """Return what makes a cosine of Keras', which stays at its end."""
    return lambda k: k.optimizers.schedules.CosineDecay(rate, steps)


def torch_cosine(rate: float, steps: int, stays: bool) -> Callable[[Any, Any, list], None]:
    """Let an optimizer of torch's follow a cosine that stays at its end, or rises again behind it."""

    def follow(torch: Any, optimizer: Any, parameters: list) -> None:
        done = [0]

        def set_rate(*_: Any) -> None:
            place = min(done[0], steps) if stays else done[0]
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + cos(pi * place / steps)) / 2
            done[0] += 1

        optimizer.register_step_pre_hook(set_rate)

    return follow


@WRONG.add("step number", "momentum with the learning rate inside or outside, apart when the rate drops late")
def momentum_and_drop(draw: Draw) -> Case:
    at, rate, momentum = draw.whole("at", 25, 500), draw.real("rate", 1e-3, 1e-1), draw.one_of("momentum", 0.5, 0.9)

    def schedule(k: Any) -> Any:
        return k.optimizers.schedules.PiecewiseConstantDecay([at - 1], [rate, rate / 10])

    def drop(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        if done == at:
            optimizer.param_groups[0]["lr"] = rate / 10

    keras = keras_optimizer("SGD", schedule, momentum=momentum)
    torch = torch_optimizer("SGD", rate, behind_step(drop), momentum=momentum)
    return case(draw, keras, torch, Reveal(by="optimizer", steps=at + 2))


@WRONG.add("step number", "amsgrad on one side, which acts once gradients shrink")
def amsgrad(draw: Draw) -> Case:
    rate, odd = draw.real("rate", 1e-3, 1e-2), draw.one_of("odd_side", "keras", "torch")
    keras = keras_optimizer("Adam", rate, epsilon=TINY, amsgrad=odd == "keras", **ADAM)
    torch = torch_optimizer("Adam", rate, eps=TINY, amsgrad=odd == "torch")
    return case(draw, keras, torch, Reveal(by="optimizer", steps=400, shrinks=True))


@WRONG.add("step number", "weight decay that begins late, on one side")
def late_decay(draw: Draw) -> Case:
    at, decay = draw.whole("at", 25, 1000), draw.real("decay", 1e-3, 0.1)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))

    def shrink(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        if done > at:
            for one in parameters:
                one.mul_(1 - decay)

    return case(draw, keras(), torch(behind_step(shrink)), Reveal(by="optimizer", steps=at + 2))


@WRONG.add("step number", "slow weights every so many steps (lookahead), on one side")
def lookahead(draw: Draw) -> Case:
    every, share = draw.whole("every", 25, 300), draw.one_of("share", 0.2, 0.5, 0.8)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))

    def slow(torch: Any, optimizer: Any, parameters: list) -> None:
        kept = [one.detach().clone() for one in parameters]

        def move(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
            if done % every == 0:
                for one, before in zip(parameters, kept, strict=True):
                    before.lerp_(one, share)
                    one.copy_(before)

        behind_step(move)(torch, optimizer, parameters)

    return case(draw, keras(), torch(slow), Reveal(by="optimizer", steps=every + 1))


@WRONG.add("step number", "a rate that decays in steps of an epoch, against one that decays at each step")
def staircase(draw: Draw) -> Case:
    every, rate, factor = draw.whole("every", 25, 300), draw.real("rate", 1e-3, 1e-1), draw.one_of("factor", 0.5, 0.9)
    last = draw.whole("last", 1, 3)

    def schedule(k: Any) -> Any:
        return k.optimizers.schedules.ExponentialDecay(rate, every, factor, staircase=True)

    def drop(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        """The same, but for the drops behind the last."""
        if done % every == 0 and done // every <= last:
            optimizer.param_groups[0]["lr"] = rate * factor ** (done // every)

    keras, torch = base(draw, rate)
    return case(draw, keras(schedule), torch(behind_step(drop)), Reveal(by="optimizer", steps=every * (last + 1) + 2))


@WRONG.add("weights size", "weights are kept within bounds after each step, on one side")
def bounded_weights(draw: Draw) -> Case:
    bound = draw.real("bound", 5, 15)
    keras, torch = base(draw, draw.real("rate", 1e-2, 1e-1))

    def keep(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        for one in parameters:
            one.clamp_(-bound, bound)

    reveal = Reveal(by="optimizer", steps=10, weight_scale=3 * bound)
    return case(draw, keras(), torch(behind_step(keep)), reveal)


@WRONG.add("weights size", "a largest norm of a layer's weights that no drawn weights have, on one side")
def constraint(draw: Draw) -> Case:
    norm, kind = draw.real("norm", 8, 300), draw.one_of("kind", "MaxNorm", "floor")
    features, hidden = draw.whole("features", 3, 6), draw.whole("hidden", 3, 6)

    def constrained(k: Any, n: str) -> Any:
        class Floor(k.constraints.Constraint):
            def __call__(self, w: Any) -> Any:
                return k.ops.maximum(w, -norm)

        limit = k.constraints.MaxNorm(norm) if kind == "MaxNorm" else Floor()
        return k.layers.Dense(hidden, kernel_constraint=limit, name=n)

    bounded = Step("bounded", constrained, lambda t: t.nn.Linear(features, hidden))
    body = Body({"input": Input((features,))}, [bounded, tanh(), dense("last", hidden, 2)])
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    reveal = Reveal(by="trained", steps=2, weight_scale=20 * norm)
    return body.case(draw, reveal, optimizer=CustomOptimizer(keras(), torch()))


@WRONG.add("ordinary", "another rate, momentum or decay")
def hyperparameter(draw: Draw) -> Case:
    which, rate = draw.one_of("which", "rate", "momentum", "nesterov", "decay"), draw.real("rate", 1e-3, 1e-2)
    keras: dict[str, Any] = {"momentum": 0.9}
    torch: dict[str, Any] = {"momentum": 0.9}
    change = {
        "rate": lambda: None, "momentum": lambda: torch.update(momentum=0.8),
        "nesterov": lambda: torch.update(nesterov=True), "decay": lambda: torch.update(weight_decay=1e-3),
    }  # fmt: skip
    change[which]()
    times = draw.real("times", 1.001, 2) if which == "rate" else 1.0
    return case(
        draw,
        keras_optimizer("SGD", rate, **keras),
        torch_optimizer("SGD", rate * times, **torch),
        Reveal(by="optimizer"),
    )
