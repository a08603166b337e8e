"""Optimizers that differ, and what Keras does beside them."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.diagnosis.faults.fault import fault, penalty, plain
from twotrack import CustomOptimizer, Pair


def keras_optimizer(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        made = {key: value() if callable(value) else value for key, value in settings.items()}
        return getattr(keras.optimizers, name)(**made)

    return build


def torch_optimizer(name: str, **settings: Any) -> Callable[[Any], Any]:
    def build(parameters: Any) -> Any:
        import torch

        return getattr(torch.optim, name)(parameters, **settings)

    return build


def staircase() -> Any:
    import keras

    return keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5, staircase=True)


def stepping(parameters: Any) -> Any:
    """The same schedule, but a step at every call."""
    import torch

    optimizer = torch.optim.SGD(parameters, lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return optimizer


def of_the_last_layer(parameters: Any) -> Any:
    import torch

    return torch.optim.SGD(list(parameters)[2:], lr=0.1)


def excluding() -> Any:
    import keras

    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def by(keras: Callable, torch: Callable, **first: Callable) -> Pair:
    return plain(keras=first, optimizer=CustomOptimizer(keras, torch))


def clipped(name: str, limit: float) -> Callable[[Any], Any]:
    """Clip as people do, in front of every step."""

    def build(parameters: Any) -> Any:
        import torch

        given = list(parameters)
        optimizer = torch.optim.SGD(given, lr=0.1)

        def clip(*_: Any) -> None:
            getattr(torch.nn.utils, name)(given, limit)

        optimizer.register_step_pre_hook(clip)
        return optimizer

    return build


def of_sgd(**settings: Any) -> Pair:
    return by(keras_optimizer("SGD", learning_rate=0.1, **settings), torch_optimizer("SGD", lr=0.1))


def limit(kind: str, *numbers: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.constraints, kind)(*numbers)

    return build


ADAM = torch_optimizer("Adam", lr=0.01)


def damping(parameters: Any) -> Any:
    """Make gradients smaller before every step, in a hook of which no setting tells."""
    import torch

    kept = list(parameters)
    optimizer = torch.optim.SGD(kept, lr=0.1)

    def damp(*_: Any) -> None:
        for one in (one for one in kept if one.grad is not None):
            one.grad = one.grad / (1 + one.grad.abs())

    optimizer.register_step_pre_hook(damp)
    return optimizer


def by_hand(parameters: Any) -> Any:
    """Plain descent, with a mistake."""
    import torch

    class Descent(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.sub_(group["lr"] * weight.grad.clamp(-3, 3))

    return Descent(parameters)


def by_layer(parameters: Any) -> Any:
    """A tenth of the rate for the first layer."""
    import torch

    first, *rest = list(parameters)
    return torch.optim.SGD([{"params": rest}, {"params": [first], "lr": 0.01}], lr=0.1)


def scheduled(make: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Return SGD with a scheduler that steps behind every step of the optimizer."""

    def build(parameters: Any) -> Any:
        import torch

        optimizer = torch.optim.SGD(parameters, lr=0.1)
        schedule = make(torch.optim.lr_scheduler, optimizer)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    return build


def keras_scheduled(name: str, *numbers: Any, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.optimizers.SGD(getattr(keras.optimizers.schedules, name)(*numbers, **settings))

    return build


def matrix(keras: Callable, torch: Callable) -> Pair:
    """Return a pair of one matrix, which is all that torch's Muon takes."""
    return Pair(
        keras=sequential(lambda k: k.Input((5,)), lambda k: k.Dense(3, use_bias=False, name="only")),
        torch=modules(only=lambda nn: nn.Linear(5, 3, bias=False)),
        input_shape=(5,),
        optimizer=CustomOptimizer(keras, torch),
    )


MORE = {
    "ADAGRAD_EPSILON": fault(
        by(keras_optimizer("Adagrad", learning_rate=0.1, initial_accumulator_value=0.0),
           torch_optimizer("Adagrad", lr=0.1, eps=1e-7)),
        "optimizer", "update", "sqrt(v + epsilon)", "outside of the root",
    ),
    "LAMB": fault(
        by(keras_optimizer("Lamb", learning_rate=0.01), ADAM), "optimizer", "update",
        "Keras updates by lamb, torch by adam",
    ),
    "ADAFACTOR": fault(
        by(keras_optimizer("Adafactor", learning_rate=0.05), torch_optimizer("Adafactor", lr=0.05)),
        "optimizer", "update", "epsilon",
    ),
    "MUON": fault(
        matrix(keras_optimizer("Muon", learning_rate=0.01, weight_decay=0.1),
               torch_optimizer("Muon", lr=0.01, weight_decay=0.1)),
        "optimizer", "update", "0.2 times the root of its longest side",
    ),
    "LAYER_RATE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), by_layer), "optimizer", "update",
        "the learning rate of 'first.kernel' is 1 times", "0.1 in torch",
    ),
    "CLIP_EPSILON": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, global_clipnorm=0.5), clipped("clip_grad_norm_", 0.5)),
        "optimizer", "update",
        "Keras adds 0 to the norm that it clips by, torch 1e-06",
    ),
    "BOUNDARY": fault(
        by(keras_scheduled("PiecewiseConstantDecay", [5, 10], [0.1, 0.05, 0.01]),
           scheduled(lambda own, o: own.LambdaLR(o, lambda n: 1.0 if n < 5 else 0.5 if n < 10 else 0.1))),
        "optimizer", "update", "both have one schedule, and torch is one step ahead",
    ),
    "WARM_UP": fault(
        by(keras_scheduled("CosineDecay", 0.0, 50, warmup_target=0.1, warmup_steps=5),
           scheduled(lambda own, o: own.SequentialLR(
               o, [own.LinearLR(o, 1 / 3, 1.0, 5), own.CosineAnnealingLR(o, 50)], [5]))),
        "optimizer", "update", "the learning rates follow other schedules", "begins at 0",
    ),
    "COSINE_END": fault(
        by(keras_scheduled("CosineDecay", 0.1, 10), scheduled(lambda own, o: own.CosineAnnealingLR(o, 10))),
        "optimizer", "update", "rises again",
    ),
}  # fmt: skip
"""Of optimizers and schedules that seldom are ported by hand."""

UPDATES = MORE | {
    "RATE": fault(
        by(keras_optimizer("SGD"), torch_optimizer("SGD", lr=0.05)), "optimizer", "update",
        "the learning rate is 0.01 in Keras and 0.05 in torch",
    ),
    "STAIRCASE": fault(
        by(keras_optimizer("SGD", learning_rate=staircase), stepping), "optimizer", "update",
        "one schedule, which goes on every 4 steps in Keras, at every step in torch",
    ),
    "LAST_LAYER_ALONE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), of_the_last_layer),
        "optimizer", "update", "torch's optimizer does not update the weights of 'first.kernel', 'first.bias'",
    ),
    "MOMENTUM": fault(of_sgd(momentum=0.8), "optimizer", "update", "momentum is 0.8 in Keras and 0 in torch"),
    "NESTEROV": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9, nesterov=True),
           torch_optimizer("SGD", lr=0.1, momentum=0.9)),
        "optimizer", "update", "nesterov is True in Keras and False in torch",
    ),
    "DAMPENING": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9),
           torch_optimizer("SGD", lr=0.1, momentum=0.9, dampening=0.1)),
        "optimizer", "update", "dampening is 0 in Keras and 0.1 in torch",
    ),
    "BETAS": fault(
        by(keras_optimizer("Lion", learning_rate=0.01, beta_1=0.8), torch_optimizer("Adam", lr=0.01)),
        "optimizer", "update", "Keras updates by lion, torch by adam",
    ),
    "AMSGRAD": fault(
        by(keras_optimizer("Adam", learning_rate=0.01, amsgrad=True), ADAM), "optimizer", "update",
        "amsgrad is True in Keras and False in torch",
    ),
    "SECOND_BETA": fault(
        by(keras_optimizer("Adam", learning_rate=0.01, beta_2=0.99), ADAM), "optimizer", "update",
        "beta_2 is 0.99 in Keras and 0.999 in torch",
    ),
    "CENTERED": fault(
        by(keras_optimizer("RMSprop", learning_rate=0.01, centered=True), torch_optimizer("RMSprop", lr=0.01)),
        "optimizer", "update", "rho is 0.9 in Keras and 0.99 in torch", "sqrt(v + epsilon)", "centered is True",
    ),
    "ACCUMULATOR": fault(
        by(keras_optimizer("Adagrad", learning_rate=0.1), torch_optimizer("Adagrad", lr=0.1)), "optimizer", "update",
        "initial is 0.1 in Keras and 0 in torch",
    ),
    "ADADELTA": fault(
        by(keras_optimizer("Adadelta", learning_rate=1.0, rho=0.95), torch_optimizer("Adadelta", lr=1.0)),
        "optimizer", "update", "rho is 0.95 in Keras and 0.9 in torch", "epsilon is 1e-07 in Keras and 1e-06 in torch",
    ),
    "ADAMAX": fault(
        by(keras_optimizer("Adamax", learning_rate=0.01), torch_optimizer("Adamax", lr=0.01)), "optimizer", "update",
        "epsilon",
    ),
    "NADAM": fault(
        by(keras_optimizer("Nadam", learning_rate=0.01), torch_optimizer("NAdam", lr=0.01)), "optimizer", "update",
        "momentum_decay is 1 in Keras and 0.004 in torch",
    ),
    "DECOUPLED": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9, weight_decay=0.05),
           torch_optimizer("SGD", lr=0.1, momentum=0.9, weight_decay=0.05)),
        "optimizer", "update", "decoupled", "torch adds 0.05 times the weight to the gradient",
    ),
    "EXCLUDED": fault(
        by(excluding, torch_optimizer("SGD", lr=0.1, weight_decay=0.05)), "optimizer", "update",
        "Keras does not decay the weight of 'first.bias', 'last.bias'",
    ),
    "PENALTY": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_regularizer=penalty("L2", 0.03)),
        "optimizer", "update", "L2 of 0.03", "'first.kernel'", "torch does not decay",
    ),
    "ABSOLUTE_PENALTY": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_regularizer=penalty("L1", 0.02)),
        "optimizer", "update", "L1 penalty of 0.02 of 'first.kernel'",
    ),
    "CLIPPED_NORM": fault(of_sgd(clipnorm=0.5), "optimizer", "update", "Keras clips gradients (clipnorm=0.5)"),
    "CLIPPED_GLOBALLY": fault(
        of_sgd(global_clipnorm=0.5), "optimizer", "update", "Keras clips gradients (global_clipnorm=0.5)"
    ),
    "CLIPPED_VALUE": fault(of_sgd(clipvalue=0.5), "optimizer", "update", "Keras clips gradients (clipvalue=0.5)"),
    "CLIPPED_IN_TORCH": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), clipped("clip_grad_norm_", 1.0)), "optimizer", "update",
        "Keras does not clip gradients by the norm of all, torch clips gradients by the norm of all to 1",
    ),
    "HOOKED": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.5), damping), "optimizer", "update",
        "momentum is 0.5 in Keras and 0 in torch", "does more at a step than the settings of SGD say",
    ),
    "HOOKED_ALONE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), damping), "optimizer", "update",
        "does more at a step than the settings of SGD say",
    ),
    "BY_HAND": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), by_hand), "optimizer", "update",
        "Keras updates by sgd, torch by Descent",
    ),
    "AVERAGED": fault(
        of_sgd(use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5), "optimizer", "update",
        "moving average (momentum 0.9)", "every 5 steps",
    ),
    "GATHERED": fault(
        of_sgd(gradient_accumulation_steps=4), "optimizer", "update", "Keras updates every 4 steps"
    ),
    "LARGEST_NORM": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_constraint=limit("MaxNorm", 0.7)),
        "optimizer", "update", "MaxNorm of 0.7 along axis 0", "'first.kernel'",
    ),
    "NOT_NEGATIVE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_constraint=limit("NonNeg")),
        "optimizer", "update", "NonNeg", "'first.kernel'",
    ),
}  # fmt: skip
