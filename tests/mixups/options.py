"""What stands beside an optimizer's formula: groups, clipping, accumulation, averages, decay."""

from collections.abc import Callable
from typing import Any

from tests.mixups.mixup import Mixup, before_step, behind_step, crossed, keras_optimizer, torch_optimizer, trained_by

RATE, LIMIT, EVERY, DECAY, TINY = 0.1, 0.5, 4, 0.05, 1e-30
Made = tuple[Any, Any, str]
"""The right optimizer of a side, the wrong one, and what is said of that."""


def of(spec: str, what: str, keras: Made, torch: Made) -> Mixup:
    return crossed(trained_by, spec, what, "optimizer", keras, torch)


def sgd(**settings: Any) -> Callable[[], Any]:
    return keras_optimizer("SGD", RATE, **settings)


# === Groups ===


def keras_sparing(spares: bool) -> Callable[[], Any]:
    def build() -> Any:
        made = keras_optimizer("AdamW", RATE, weight_decay=DECAY, epsilon=TINY)()
        if spares:
            made.exclude_from_weight_decay(var_names=["bias"])
        return made

    return build


def torch_grouped(decay_of_biases: float, rate_of_first: float = RATE) -> Callable[[Any], Any]:
    def build(parameters: Any) -> Any:
        import torch

        first, *rest = list(parameters)
        biases = [one for one in rest if one.ndim < 2]
        groups = [
            {"params": [one for one in rest if one.ndim > 1]},
            {"params": biases, "weight_decay": decay_of_biases},
            {"params": [first], "lr": rate_of_first},
        ]
        return torch.optim.AdamW(groups, lr=RATE, weight_decay=DECAY, eps=TINY)

    return build


# === Clipping ===


def by_value(limit: float) -> Callable[[Any], Any]:
    def clip(optimizer: Any, held: list) -> None:
        import torch

        torch.nn.utils.clip_grad_value_(held, limit)

    return torch_optimizer("SGD", RATE, before_step(clip))


def by_norm(limit: float, each: bool = False, exact: bool = False) -> Callable[[Any], Any]:
    """Clip by the norm of all, or of each; by torch's function, or exactly."""

    def clip(optimizer: Any, held: list) -> None:
        import torch

        given = [one for one in held if one.grad is not None]
        for part in [[one] for one in given] if each else [given]:
            if not exact:
                torch.nn.utils.clip_grad_norm_(part, limit)
                continue
            norm = torch.stack([one.grad.square().sum() for one in part]).sum().sqrt()
            for one in part:
                one.grad.mul_(torch.where(norm > limit, limit / norm, torch.ones_like(norm)))

    return torch_optimizer("SGD", RATE, before_step(clip))


# === Accumulation and averages ===


def gathering(divided: bool, every: int = EVERY) -> Callable[[Any], Any]:
    """Add gradients up, and step by their mean, or by their sum, as where nobody divides the loss."""

    def gather(optimizer: Any, held: list) -> None:
        done = optimizer.param_groups[0]["seen"] = optimizer.param_groups[0].get("seen", 0) + 1
        for one in held:
            if one.grad is not None:
                state = optimizer.state[one]
                state["sum"] = state.get("sum", 0.0) + one.grad
                one.grad = None
                if done % every == 0:
                    one.grad, state["sum"] = state["sum"] / (every if divided else 1), 0.0

    return torch_optimizer("SGD", RATE, before_step(gather))


def averaging(momentum: float, every: int = 5) -> Callable[[Any], Any]:
    """Keep a moving average, which becomes the weights every few steps."""

    def average(optimizer: Any, held: list) -> None:
        import torch

        done = optimizer.param_groups[0]["seen"] = optimizer.param_groups[0].get("seen", 0) + 1
        with torch.no_grad():
            for one in held:
                state = optimizer.state[one]
                kept = momentum if done > 1 else 0.0
                state["average"] = kept * state.get("average", 0.0) + (1 - kept) * one
                if done % every == 0:
                    one.copy_(state["average"])

    return torch_optimizer("SGD", RATE, behind_step(average))


def keras_averaging(momentum: float) -> Callable[[], Any]:
    return sgd(use_ema=True, ema_momentum=momentum, ema_overwrite_frequency=5)


OPTIONS = (
    of(
        "Group: decay",
        "biases that decay too",
        (keras_sparing(True), keras_sparing(False), "of 'first.bias', 'last.bias'"),
        (torch_grouped(0.0), torch_grouped(DECAY), "Keras does not decay the weight of 'first.bias', 'last.bias'"),
    ),
    of(
        "Group: rate",
        "a rate by layer that one side forgot",
        (
            keras_sparing(True),
            keras_optimizer("AdamW", RATE / 10, weight_decay=DECAY, epsilon=TINY),
            "the learning rate is 0.01 in Keras",
        ),
        (torch_grouped(0.0), torch_grouped(0.0, RATE / 10), "the learning rate of 'first.kernel' is 1 times"),
    ),
    of(
        "ClipValue",
        "a bound of each number, or of the norm",
        (sgd(clipvalue=LIMIT), sgd(clipnorm=LIMIT), "clipnorm"),
        (by_value(LIMIT), by_norm(LIMIT), "clipvalue"),
    ),
    of(
        "ClipNorm",
        "the norm of each weight, or of all",
        (sgd(clipnorm=LIMIT), sgd(global_clipnorm=LIMIT), "global_clipnorm"),
        (by_norm(LIMIT, each=True, exact=True), by_norm(LIMIT, exact=True), "clipnorm=0.5.*, torch does not clip"),
    ),
    of(
        "ClipGlobalNorm",
        "the norm of each weight, and torch's epsilon",
        (sgd(global_clipnorm=LIMIT), sgd(clipnorm=LIMIT), "clipnorm"),
        (by_norm(LIMIT, exact=True), by_norm(LIMIT), "Keras adds 0 to the norm that it clips by, torch 1e-06"),
    ),
    of(
        "accumulate",
        "a sum in place of a mean",
        (sgd(gradient_accumulation_steps=EVERY), sgd(gradient_accumulation_steps=2), "Keras updates every 2 steps"),
        (gathering(True), gathering(False), "the sum of their gradients"),
    ),
    of(
        "EMA",
        "what share an average keeps",
        (keras_averaging(0.9), keras_averaging(0.99), "momentum 0.99"),
        (averaging(0.9), averaging(0.1), "momentum 0.9"),
    ),
    of(
        "decay: coupled",
        "decay inside the gradient, or beside the update",
        (
            keras_optimizer("Adam", RATE, weight_decay=DECAY, epsilon=TINY),
            keras_optimizer("Adam", RATE, epsilon=TINY),
            "does not decay",
        ),
        (
            torch_optimizer("AdamW", RATE, weight_decay=DECAY, eps=TINY),
            torch_optimizer("Adam", RATE, weight_decay=DECAY, eps=TINY),
            "decoupled.*torch adds 0.05 times the weight to the gradient",
        ),
    ),
)
