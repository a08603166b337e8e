"""Pairs of one dense layer and optimizers of the user's own: some are one optimizer, some part late or seldom only."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.support.named_pairs import named
from twotrack import (
    EMA,
    SGD,
    Adam,
    AdamW,
    ClipNorm,
    Cosine,
    CustomOptimizer,
    Group,
    Muon,
    OneCycle,
    Pair,
    RMSprop,
    Warm,
)
from twotrack.shared.spec.optimizers import OPTIMIZERS, Lion, Optimizer
from twotrack.shared.spec.schedules import Constant, Schedule, WarmUp

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


# === What is held to weights, and weights that are picked out ===


def two_layers(keras: Callable[[], Any], torch: Callable[[Any], Any], **settings: Callable[[], Any]) -> Pair:
    """Return a pair of two dense layers; the settings are regularizers and constraints of the first kernel."""

    def first(k: Any) -> Any:
        return k.Dense(5, name="dense1", **{name: make() for name, make in settings.items()})

    return Pair(
        keras=sequential(lambda k: k.Input((4,)), first, lambda k: k.Dense(3, name="dense2")),
        torch=modules(dense1=lambda nn: nn.Linear(4, 5), dense2=lambda nn: nn.Linear(5, 3)),
        input_shape=(4,),
        optimizer=CustomOptimizer(keras, torch),
    )


def l2(share: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.regularizers.L2(share)

    return build


def l1() -> Any:
    import keras

    return keras.regularizers.L1(0.01)


def beyond(bound: float) -> Callable[[], Any]:
    """A penalty on what is beyond a bound."""

    def build() -> Any:
        import keras

        class Beyond(keras.regularizers.Regularizer):
            def __call__(self, x: Any) -> Any:
                return 0.01 * keras.ops.sum(keras.ops.relu(keras.ops.abs(x) - bound))

        return Beyond()

    return build


def max_norm(value: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.constraints.MaxNorm(value, axis=0)

    return build


def not_negative() -> Any:
    import keras

    return keras.constraints.NonNeg()


def torch_decaying(by_place: bool, decay: float) -> Callable[[Any], Any]:
    """Decay the first kernel alone, which is picked out by its place or by its shape."""

    def build(parameters: Any) -> Any:
        import torch

        listed = list(parameters)
        chosen = [0] if by_place else [number for number, one in enumerate(listed) if tuple(one.shape) == (5, 4)]
        groups = [{"params": [one], "weight_decay": decay * (number in chosen)} for number, one in enumerate(listed)]
        return torch.optim.SGD(groups, RATE)

    return build


def torch_changing(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Change the first kernel (outputs, inputs) after every step."""

    def after(optimizer: Any, step: int) -> None:
        import torch

        with torch.no_grad():
            change(optimizer.param_groups[0]["params"][0])

    return hooked(after, "post")


def within(value: float, epsilon: float) -> Callable[[Any], None]:
    def change(kernel: Any) -> None:
        norm = kernel.square().sum(1, keepdim=True).sqrt()
        kernel.mul_(norm.clamp(max=value) / (norm + epsilon))

    return change


def torch_beyond(bound: float) -> Callable[[Any, int], None]:
    """The gradient of that penalty."""

    def add(optimizer: Any, step: int) -> None:
        kernel = optimizer.param_groups[0]["params"][0]
        kernel.grad.add_(0.01 * kernel.detach().sign() * (kernel.detach().abs() > bound))

    return add


def torch_l1(optimizer: Any, step: int) -> None:
    kernel = optimizer.param_groups[0]["params"][0]
    kernel.grad.add_(0.01 * kernel.detach().sign())


PENALTY = {"kernel_regularizer": l2(0.05)}
HELD_WRONG = {
    "HALF_THE_PENALTY": two_layers(keras_sgd(), torch_decaying(True, 0.05), **PENALTY),
    "NO_PENALTY": two_layers(keras_sgd(), torch_sgd, **PENALTY),
    "PENALTY_IN_ADAM": two_layers(keras_adam(), torch_adam(), **PENALTY),
    "NO_NORM": two_layers(keras_sgd(), torch_sgd, kernel_constraint=max_norm(1.0)),
    "ANOTHER_NORM": two_layers(keras_sgd(), torch_changing(within(1.1, 1e-7)), kernel_constraint=max_norm(1.0)),
    "NOT_NEGATIVE": two_layers(keras_sgd(), torch_sgd, kernel_constraint=not_negative),
    "FAR_PENALTY": two_layers(keras_sgd(), torch_sgd, kernel_regularizer=beyond(100.0)),
    "FAR_PENALTY_IN_ADAM": two_layers(keras_adam(), torch_adam(), kernel_regularizer=beyond(30.0)),
    "FAR_DECAY_IN_TORCH": two_layers(keras_sgd(), hooked(torch_beyond(100.0))),
}
HELD_HONEST = {
    "BY_PLACE": (two_layers(keras_sgd(), torch_decaying(True, 0.1), **PENALTY), ""),
    "BY_SHAPE": (two_layers(keras_sgd(), torch_decaying(False, 0.1), **PENALTY), ""),
    "L1": (two_layers(keras_sgd(), hooked(torch_l1), kernel_regularizer=l1), ""),
    "FAR_PENALTY_ON_BOTH": (
        two_layers(keras_sgd(), hooked(torch_beyond(100.0)), kernel_regularizer=beyond(100.0)),
        "",
    ),
    "SAME_NORM": (two_layers(keras_sgd(), torch_changing(within(1.0, 1e-7)), kernel_constraint=max_norm(1.0)), ""),
    "EXACT_NORM": (
        two_layers(keras_sgd(), torch_changing(within(1.0, 0.0)), kernel_constraint=max_norm(1.0)),
        "equal only with Keras' constraints without epsilon",
    ),
    "IDLE_NORM": (
        two_layers(keras_sgd(), torch_sgd, kernel_constraint=max_norm(1e9)),
        "equal only with Keras' constraints without epsilon",
    ),
    "BOTH_NOT_NEGATIVE": (
        two_layers(keras_sgd(), torch_changing(lambda kernel: kernel.clamp_(min=0)), kernel_constraint=not_negative),
        "",
    ),
    "AVERAGED_AT_THE_END": (two_layers(keras_sgd(use_ema=True), torch_sgd), "Keras replaces the weights"),
}
"""With the exception that must stand in the pass; none if empty."""


def choosy(parameters: Any) -> Any:
    """Knows its model's kernel by the shape."""
    return torch_sgd([next(one for one in parameters if one.shape == (WIDTH, 4))])


WIDTH = 500
CHOOSY = Pair(
    keras=sequential(lambda k: k.Input((4,)), lambda k: k.Dense(WIDTH, name="dense1")),
    torch=modules(dense1=lambda nn: nn.Linear(4, WIDTH)),
    input_shape=(4,),
    optimizer=CustomOptimizer(keras_sgd(), choosy),
)
SOPHIA = shared(OPTIMIZERS["sophia"])
SHARED = {
    **{
        name: shared(OPTIMIZERS[name], OneCycle(0.3, 25.0, 1e4))
        for name in ("sgd", "nesterov", "rmsprop", "adam", "lion")
    },
    "SGD, large steps": shared(SGD(1.0, momentum=0.99, weight_decay=0.01), WarmUp(0.1)),
    "Muon, options": shared(
        Muon(1e-3, groups=(Group(("*.kernel",), 0.5, 0.1),), clip=ClipNorm(1.0), accumulate=2, average=EMA(0.9, 10)),
        Warm(100, Cosine()),
    ),
    "RMSprop, momentum": shared(RMSprop(1e-3, momentum=0.9, weight_decay=0.01)),
    "Adam, large steps": shared(Adam(0.1, weight_decay=0.1)),
    "AdamW, no decay": shared(AdamW(1e-3, weight_decay=0.0), WarmUp(0.0)),
    "Lion, decay": shared(Lion(1e-3, weight_decay=0.1)),
}
WRONG = {
    "CLIPPED": 3,
    "AVERAGED": 100,
    "DROPPED_EARLY": 50,
    "DROPPED_LATE": 2000,
    "AMSGRAD": 5,
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


LATE = {"DROPPED_LATE", "BOTH_DROPPED", "SCALED_DYNAMICALLY"}
"""Those that do something behind step 200, to which the others are compared; SHARED are compared to the end."""


__getattr__ = named(SHARED | HELD_WRONG | {name: pair for name, (pair, _) in HELD_HONEST.items()})
