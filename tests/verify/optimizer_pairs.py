"""Pairs of one dense layer and optimizers of the user's own: some are one optimizer, some part late or seldom only."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import SGD, Adam, AdamW, CustomOptimizer, OneCycle, Pair, RMSprop
from twotrack.shared.spec.recipes import OPTIMIZERS, Constant, Lion, Optimizer, Schedule, Sophia, WarmUp

RATE, SMALL_RATE, NORM, EVERY, DECAY = 0.01, 0.001, 50.0, 4, 0.1
EPSILON = 1e-30
"""So small that its place in Adam's formula does not matter."""


def shared(optimizer: Optimizer | CustomOptimizer, schedule: Schedule = Constant()) -> Pair:  # noqa: B008 - frozen
    return Pair(
        keras=sequential(lambda k: k.Input((4,)), lambda k: k.Dense(3, name="dense1")),
        torch=modules(dense1=lambda nn: nn.Linear(4, 3)),
        input_shape=(4,),
        optimizer=optimizer,
        schedule=schedule,
    )


def pair(keras: Callable[[], Any], torch: Callable[[Any], Any]) -> Pair:
    return shared(CustomOptimizer(keras, torch))


# === Keras ===


def keras_sgd(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.optimizers.SGD(RATE, **settings)

    return build


def keras_adam(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.optimizers.Adam(**{"learning_rate": RATE, "epsilon": EPSILON} | settings)

    return build


def keras_dropping(step: int) -> Callable[[], Any]:
    """A rate that drops after some steps."""

    def build() -> Any:
        import keras

        schedule = keras.optimizers.schedules.PiecewiseConstantDecay([step - 1], [RATE, SMALL_RATE])
        return keras.optimizers.SGD(schedule)

    return build


def keras_scaling() -> Any:
    """The loss is scaled, by a factor that grows after many steps, and the gradients are scaled back."""
    import keras

    return keras.optimizers.LossScaleOptimizer(keras_sgd()(), initial_scale=1024.0, dynamic_growth_steps=500)


def keras_sparing() -> Any:
    """Decay of kernels and embeddings alone."""
    optimizer = keras_adam(weight_decay=DECAY)()
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    return optimizer


def keras_bounded(norm: float) -> Callable[[], Any]:
    """A dense layer whose kernel has a largest norm."""

    def build() -> Any:
        import keras

        limit = keras.constraints.MaxNorm(norm)
        dense = keras.layers.Dense(3, kernel_constraint=limit, name="dense1")
        return keras.Sequential([keras.Input((4,)), dense])

    return build


# === torch ===


def torch_sgd(parameters: Any) -> Any:
    import torch

    return torch.optim.SGD(parameters, RATE)


def torch_adam(**settings: Any) -> Callable[[Any], Any]:
    def build(parameters: Any) -> Any:
        import torch

        return torch.optim.AdamW(parameters, **{"lr": RATE, "eps": EPSILON, "weight_decay": 0.0} | settings)

    return build


def torch_sparing(parameters: Any) -> Any:
    import torch

    listed: Sequence[Any] = list(parameters)
    groups = [
        {"params": [parameter for parameter in listed if parameter.ndim > 1], "weight_decay": DECAY},
        {"params": [parameter for parameter in listed if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, eps=EPSILON)


def hooked(hook: Callable[[Any, int], None], when: str = "pre") -> Callable[[Any], Any]:
    """Return SGD with a hook that gets the optimizer and the number of the step, from 1 on."""

    def build(parameters: Any) -> Any:
        optimizer, count = torch_sgd(parameters), 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1
            hook(optimizer, count)

        getattr(optimizer, f"register_step_{when}_hook")(counted)
        return optimizer

    return build


def clip(optimizer: Any, step: int) -> None:
    for parameter in optimizer.param_groups[0]["params"]:
        if parameter.grad is not None:
            parameter.grad.mul_(NORM / parameter.grad.norm().clamp(min=NORM))


def drop(at: int) -> Callable[[Any, int], None]:
    def set_rate(optimizer: Any, step: int) -> None:
        optimizer.param_groups[0]["lr"] = RATE if step <= at else SMALL_RATE

    return set_rate


def average(optimizer: Any, step: int) -> None:
    """Keep a moving average; every 100 steps it replaces the parameters."""
    import torch

    with torch.no_grad():
        for parameter in optimizer.param_groups[0]["params"]:
            state = optimizer.state[parameter]
            state["average"] = parameter.clone() if step == 1 else 0.99 * state["average"] + 0.01 * parameter
            if step % 100 == 0:
                parameter.copy_(state["average"])


def accumulate(optimizer: Any, step: int) -> None:
    """Step with the mean of four gradients."""
    for parameter in optimizer.param_groups[0]["params"]:
        if parameter.grad is not None:
            state = optimizer.state[parameter]
            state["sum"] = state.get("sum", 0.0) + parameter.grad
            parameter.grad = state["sum"] / EVERY if step % EVERY == 0 else parameter.grad * 0
            if step % EVERY == 0:
                state["sum"] = 0.0


def bound_first(optimizer: Any, step: int) -> None:
    """Shorten the rows of the first parameter, as MaxNorm does its columns."""
    import torch

    with torch.no_grad():
        first = optimizer.param_groups[0]["params"][0]
        length = first.norm(dim=-1, keepdim=True)
        first.mul_(length.clamp(max=0.5) / (length + 1e-7))


def choosy(parameters: Any) -> Any:
    """Knows the shape of its model's kernel."""
    return torch_sgd([next(one for one in parameters if one.shape == (3, 4))])


AVERAGING = {"use_ema": True, "ema_momentum": 0.99, "ema_overwrite_frequency": 100}

CLIPPED = pair(keras_sgd(clipnorm=NORM), torch_sgd)
AVERAGED = pair(keras_sgd(**AVERAGING), torch_sgd)
DROPPED_EARLY = pair(keras_dropping(25), torch_sgd)
DROPPED_LATE = pair(keras_dropping(1500), torch_sgd)
AMSGRAD = pair(keras_adam(amsgrad=True), torch_adam())
ACCUMULATED = pair(keras_sgd(gradient_accumulation_steps=EVERY), torch_sgd)
SPARING = pair(keras_adam(weight_decay=DECAY), torch_sparing)
ADAM_EPSILON = pair(keras_adam(epsilon=1e-7), torch_adam(eps=1e-8))
MOMENTUM = pair(keras_sgd(momentum=0.9, nesterov=True), torch_sgd)

BOTH_CLIPPED = pair(keras_sgd(clipnorm=NORM), hooked(clip))
BOTH_AVERAGED = pair(keras_sgd(**AVERAGING), hooked(average, "post"))
BOTH_DROPPED = pair(keras_dropping(1500), hooked(drop(1500)))
BOTH_AMSGRAD = pair(keras_adam(amsgrad=True), torch_adam(amsgrad=True))
BOTH_ACCUMULATED = pair(keras_sgd(gradient_accumulation_steps=EVERY), hooked(accumulate))
BOTH_SPARING = pair(keras_sparing, torch_sparing)
SCALED = pair(keras_sgd(loss_scale_factor=1024.0), torch_sgd)
SCALED_DYNAMICALLY = pair(keras_scaling, torch_sgd)

BOUNDED = replace(pair(keras_sgd(), hooked(bound_first, "post")), keras=keras_bounded(0.5))
BOUNDED_FAR_OUT = replace(pair(keras_sgd(), torch_sgd), keras=keras_bounded(1e3))
CHOOSY = pair(keras_sgd(), choosy)

SOPHIA = shared(OPTIMIZERS["sophia"])
SHARED = {
    **{name: shared(spec, OneCycle(0.3, 25.0, 1e4)) for name, spec in OPTIMIZERS.items() if type(spec) is not Sophia},
    "SGD, large steps": shared(SGD(1.0, momentum=0.99, weight_decay=0.01), WarmUp(0.1)),
    "RMSprop, momentum": shared(RMSprop(1e-3, momentum=0.9, weight_decay=0.01)),
    "Adam, large steps": shared(Adam(0.1, weight_decay=0.1)),
    "AdamW, no decay": shared(AdamW(1e-3, weight_decay=0.0), WarmUp(0.0)),
    "Lion, decay": shared(Lion(1e-3, weight_decay=0.1)),
}
WRONG = {
    "CLIPPED": 2,
    "AVERAGED": 100,
    "DROPPED_EARLY": 50,
    "DROPPED_LATE": 2000,
    "AMSGRAD": 2,
    "ACCUMULATED": 1,
    "SPARING": 1,
    "ADAM_EPSILON": 1,
    "MOMENTUM": 1,
}
"""The step that must be named."""
HONEST = (
    "BOTH_CLIPPED",
    "BOTH_AVERAGED",
    "BOTH_DROPPED",
    "BOTH_AMSGRAD",
    "BOTH_ACCUMULATED",
    "BOTH_SPARING",
    "SCALED",
    "SCALED_DYNAMICALLY",
)


def __getattr__(name: str) -> Pair:
    """Return a shared optimizer's pair by its name in SHARED."""
    if name in SHARED:
        return SHARED[name]
    raise AttributeError(name)
