"""Faults of gradients and of optimizers."""

from collections.abc import Callable
from typing import Any

from tests.conformance.faults.family import ANYWHERE, FAULTS, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import maps, skips, steers, trains, updates
from tests.hunt.wrong_optimizers import TINY, before_step, keras_optimizer, torch_clip, torch_optimizer
from tests.support.families import Draw
from twotrack import CustomOptimizer
from twotrack.shared.spec.updates import METHODS

RATE = 0.01
OF_METHODS = ("method", *{setting for settings in METHODS.values() for setting in settings})


@FAULTS.add("gradients", "the gradient does not pass a place on one side", count=2)
def detached(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("held"), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: k.ops.stop_gradient) if odd == "keras" else None,
        (lambda t: lambda x: x.detach()) if odd == "torch" else None,
    )
    return Plant(
        Truth("gradients", ANYWHERE, ("detach|stop|gradient",), (skips("detach"), maps("detach"), steers("scale"))),
        [part],
    )


@FAULTS.add("gradients", "a layer is trained on one side only", ("dense", "sequence"))
def frozen(draw: Draw, spot: Spot) -> Plant:
    name, odd = spot.called("fixed"), draw.one_of("frozen_side", "keras", "torch")

    def torch_side(t: Any) -> Any:
        return t.nn.Linear(spot.width, spot.width).requires_grad_(odd != "torch")

    part = Part(name, lambda k, n: k.layers.Dense(spot.width, trainable=odd != "keras", name=n), torch_side)
    return Plant(
        Truth("parameters|gradients", ANYWHERE, ("train|frozen|fixed",), (trains(name, odd == "torch"),)), [part]
    )


def planted(keras: Callable[[], Any], torch: Callable[[Any], Any], told: str, *settings: str) -> Plant:
    truth = Truth("optimizer", ANYWHERE, (told,), (updates(*settings),))
    return Plant(truth, settings={"optimizer": CustomOptimizer(keras, torch)})


def adam_keras(**rest: Any) -> Callable[[], Any]:
    return keras_optimizer("Adam", rest.pop("rate", RATE), **({"epsilon": TINY} | rest))


def adam_torch(*hooks: Any, **rest: Any) -> Callable[[Any], Any]:
    return torch_optimizer("Adam", rest.pop("rate", RATE), *hooks, **({"eps": TINY} | rest))


@FAULTS.add("optimizers", "epsilon of Adam")
def adam_epsilon(draw: Draw, spot: Spot) -> Plant:
    keras, torch = draw.one_of("epsilons", (1e-4, 1e-5), (1e-5, 1e-3))
    return planted(adam_keras(epsilon=keras), adam_torch(eps=torch), "eps", "epsilon", "epsilon_place")


@FAULTS.add("optimizers", "learning rate")
def learning_rate(draw: Draw, spot: Spot) -> Plant:
    kind, keras = draw.one_of("optimizer", "SGD", "Adam"), draw.one_of("keras", 1e-3, 3e-3)
    torch = draw.one_of("torch", 1e-2, 2e-3)
    if kind == "Adam":
        return planted(adam_keras(rate=keras), adam_torch(rate=torch), "rate", "rate")
    return planted(keras_optimizer("SGD", keras), torch_optimizer("SGD", torch), "rate", "rate")


@FAULTS.add("optimizers", "betas of Adam")
def betas(draw: Draw, spot: Spot) -> Plant:
    which, value = draw.one_of("which", "beta_1", "beta_2"), draw.one_of("value", 0.95, 0.98)
    pair = (value, 0.999) if which == "beta_1" else (0.9, value)
    return planted(adam_keras(), adam_torch(betas=pair), "beta", which)


@FAULTS.add("optimizers", "momentum of SGD")
def momentum(draw: Draw, spot: Spot) -> Plant:
    keras, torch = draw.one_of("momenta", (0.9, 0.8), (0.9, 0.0), (0.0, 0.9), (0.5, 0.9))
    return planted(
        keras_optimizer("SGD", RATE, momentum=keras),
        torch_optimizer("SGD", RATE, momentum=torch),
        "momentum",
        "momentum",
    )


@FAULTS.add("optimizers", "momentum with a look ahead, or without")
def nesterov(draw: Draw, spot: Spot) -> Plant:
    odd, rest = draw.one_of("odd_side", "keras", "torch"), {"momentum": draw.one_of("momentum", 0.9, 0.8)}
    keras = keras_optimizer("SGD", RATE, nesterov=odd == "keras", **rest)
    return planted(keras, torch_optimizer("SGD", RATE, nesterov=odd == "torch", **rest), "nesterov", "nesterov")


@FAULTS.add("optimizers", "decay of weights inside the gradient, or beside it")
def coupled_decay(draw: Draw, spot: Spot) -> Plant:
    decay = draw.one_of("decay", 0.1, 0.05)
    return planted(adam_keras(weight_decay=decay), adam_torch(weight_decay=decay), "decay|times the weight", "decay")


@FAULTS.add("optimizers", "size of the decay of weights")
def decay_size(draw: Draw, spot: Spot) -> Plant:
    keras, torch = draw.one_of("decays", (0.1, 0.01), (0.004, 0.01))
    made = torch_optimizer("AdamW", RATE, weight_decay=torch, eps=TINY)
    return planted(
        keras_optimizer("AdamW", RATE, weight_decay=keras, epsilon=TINY), made, "decay|times the weight", "decay"
    )


@FAULTS.add("optimizers", "which weights decay")
def decayed_weights(draw: Draw, spot: Spot) -> Plant:
    """Kernels alone on one side, biases too on the other."""
    odd, decay = draw.one_of("kernels_only", "keras", "torch"), draw.one_of("decay", 0.1, 0.05)

    def keras() -> Any:
        made = keras_optimizer("AdamW", RATE, weight_decay=decay, epsilon=TINY)()
        if odd == "keras":
            made.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
        return made

    def torch(parameters: Any) -> Any:
        import torch as t

        held = list(parameters)
        groups = [
            {"params": [one for one in held if one.ndim > 1]},
            {"params": [one for one in held if one.ndim < 2], "weight_decay": 0.0 if odd == "torch" else decay},
        ]
        return t.optim.AdamW([group for group in groups if group["params"]], lr=RATE, weight_decay=decay, eps=TINY)

    return planted(keras, torch, "decay|times the weight", "decay")


@FAULTS.add("optimizers", "gradients that are clipped on one side", count=2)
def clipping(draw: Draw, spot: Spot) -> Plant:
    kind, bound = draw.one_of("kind", "clipnorm", "clipvalue", "global_clipnorm"), draw.one_of("bound", 0.01, 0.05)
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        return planted(
            keras_optimizer("SGD", RATE, **{kind: bound}),
            torch_optimizer("SGD", RATE),
            "clip|norm",
            "clipnorm",
            "clipvalue",
            "global_clipnorm",
        )
    made = torch_optimizer("SGD", RATE, before_step(torch_clip(kind, bound)))
    return planted(keras_optimizer("SGD", RATE), made, "clip|norm", "clipnorm", "clipvalue", "global_clipnorm")


@FAULTS.add("optimizers", "clipping by each weight against clipping over all")
def clipping_kind(draw: Draw, spot: Spot) -> Plant:
    bound = draw.one_of("bound", 0.01, 0.05)
    keras, torch = draw.one_of("kinds", ("clipnorm", "global_clipnorm"), ("global_clipnorm", "clipvalue"))
    made = torch_optimizer("SGD", RATE, before_step(torch_clip(torch, bound)))
    return planted(
        keras_optimizer("SGD", RATE, **{keras: bound}), made, "clip|norm", "clipnorm", "clipvalue", "global_clipnorm"
    )


@FAULTS.add("optimizers", "settings of RMSprop")
def rmsprop(draw: Draw, spot: Spot) -> Plant:
    which = draw.one_of("which", "rho", "centered", "epsilon")
    settings = (which, "epsilon_place")
    keras = {"rho": 0.9} | {"rho": {"rho": 0.99}, "centered": {"centered": True}, "epsilon": {"epsilon": 1e-3}}[which]
    made = torch_optimizer("RMSprop", RATE, alpha=0.9, eps=TINY)
    told = {"rho": "rho|alpha", "centered": "centered", "epsilon": "eps"}[which]
    return planted(keras_optimizer("RMSprop", RATE, **({"epsilon": TINY} | keras)), made, told, *settings)


@FAULTS.add("optimizers", "amsgrad on one side")
def amsgrad(draw: Draw, spot: Spot) -> Plant:
    odd = draw.one_of("odd_side", "keras", "torch")
    return planted(adam_keras(amsgrad=odd == "keras"), adam_torch(amsgrad=odd == "torch"), "amsgrad", "amsgrad")


@FAULTS.add("optimizers", "another optimizer")
def optimizer_kind(draw: Draw, spot: Spot) -> Plant:
    keras = draw.one_of("keras", "SGD", "Adam", "RMSprop")
    torch = draw.one_of("torch", *(one for one in ("SGD", "Adam", "Adagrad") if one != keras))
    return planted(
        keras_optimizer(keras, RATE),
        torch_optimizer(torch, RATE),
        "SGD|Adam|RMSprop|Adagrad|optimizer|method",
        *OF_METHODS,
    )


@FAULTS.add("optimizers", "a rate that falls at each step on one side, and does not on the other")
def schedule(draw: Draw, spot: Spot) -> Plant:
    """The rate falls by a factor each step in Keras; in torch the schedule waits for an epoch's end."""
    factor = draw.one_of("factor", 0.5, 0.8, 0.9)
    name = draw.one_of("optimizer", "SGD", "Adam")
    rest = {"Adam": {"epsilon": TINY}, "SGD": {}}[name]

    def rate(k: Any) -> Any:
        return k.optimizers.schedules.ExponentialDecay(RATE, 1, factor)

    made = adam_torch() if name == "Adam" else torch_optimizer("SGD", RATE)
    return planted(keras_optimizer(name, rate, **rest), made, "rate|schedule|step", "rate")


@FAULTS.add("optimizers", "a penalty of Keras' layer against torch's decay of weights", ("dense", "sequence"))
def penalty(draw: Draw, spot: Spot) -> Plant:
    """SGD with decay d is a penalty of d / 2; here it is d, or no decay at all."""
    name, size = spot.called("punished"), draw.one_of("penalty", 0.05, 0.02)
    decay = draw.one_of("decay", "none", "as the penalty")
    part = Part(
        name,
        lambda k, n: k.layers.Dense(spot.width, kernel_regularizer=k.regularizers.L2(size), name=n),
        lambda t: t.nn.Linear(spot.width, spot.width),
    )
    torch = torch_optimizer("SGD", RATE, weight_decay=0.0 if decay == "none" else size)
    settings = {"optimizer": CustomOptimizer(keras_optimizer("SGD", RATE), torch)}
    truth = Truth(
        "loss|gradients|optimizer|training",
        ANYWHERE,
        ("penalty|regulari|decay|L2|times the weight",),
        (updates("decay"), steers("penalise")),
    )
    return Plant(truth, [part], settings)


@FAULTS.add("optimizers", "a largest norm of weights on one side", ("dense", "sequence"))
def largest_norm(draw: Draw, spot: Spot) -> Plant:
    name, bound = spot.called("bounded"), draw.one_of("bound", 0.3, 0.5)
    part = Part(
        name,
        lambda k, n: k.layers.Dense(spot.width, kernel_constraint=k.constraints.MaxNorm(bound), name=n),
        lambda t: t.nn.Linear(spot.width, spot.width),
    )
    truth = Truth("optimizer|training", ANYWHERE, ("constraint|norm",), (updates("limit"),))
    return Plant(truth, [part])
