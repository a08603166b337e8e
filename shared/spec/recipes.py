"""Recipes: optimizer, learning-rate schedule, batch size and epochs, as plain data.

Every number that a framework would otherwise fill in with a default of its own is written here,
so that both tracks get the same one.
"""

import math
from dataclasses import dataclass
from typing import Literal

# === Optimizers ===
# In the formulas, g is the loss's gradient in a weight w, t = 1, 2, ... counts the steps, all state
# starts at zero, and learning_rate is the step's own. Weight decay is decoupled (Loshchilov and
# Hutter 2019) and reaches every trainable weight, biases too; g was taken before it.


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum (Polyak 1964) or its Nesterov form (Sutskever et al. 2013).

    w -= learning_rate * weight_decay * w
    velocity = momentum * velocity - learning_rate * g
    w += momentum * velocity - learning_rate * g    if nesterov
    w += velocity                                   otherwise

    The velocity keeps the learning rate of every step that went into it, which matters under a
    schedule. `nesterov` needs a momentum.
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012, lecture 6e), not centred, epsilon inside the root.

    w -= learning_rate * weight_decay * w
    v = rho * v + (1 - rho) * g^2
    step = momentum * step + learning_rate * g / sqrt(v + epsilon)
    w -= step
    """

    learning_rate: float
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, Algorithm 1, with epsilon as in the note before section 2.1).

    w -= learning_rate * weight_decay * w
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g^2
    w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, by its formula, with weight decay by default (Loshchilov and Hutter 2019, Algorithm 2).

    Their eta * alpha, schedule times step size, is learning_rate; their eta * lambda is
    learning_rate * weight_decay, so that a schedule scales the decay too.
    """

    weight_decay: float = 0.004


@dataclass(frozen=True)
class Lion:
    """Lion, evolved sign momentum (Chen et al. 2023, Algorithm 2), with the paper's betas.

    c = sign(beta_1 * m + (1 - beta_1) * g)
    w -= learning_rate * (c + weight_decay * w)
    m = beta_2 * m + (1 - beta_2) * g
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.99
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Sophia:
    """Sophia-G (Liu et al. 2023, Algorithm 3), with the Gauss-Newton-Bartlett estimate of Algorithm 2.

    m = beta_1 * m + (1 - beta_1) * g
    at steps t = 1, 1 + interval, ...:
        labels drawn from the model's own distribution; b the gradient of the mean loss in them
        h = beta_2 * h + (1 - beta_2) * batch_size * b^2
    w -= learning_rate * weight_decay * w
    w -= learning_rate * clip(m / max(gamma * h, epsilon), -1, 1)
    """

    learning_rate: float
    beta_1: float = 0.96
    beta_2: float = 0.99
    gamma: float = 0.05
    epsilon: float = 1e-12
    interval: int = 10
    weight_decay: float = 0.2


Optimizer = SGD | RMSprop | Adam | AdamW | Lion | Sophia

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.01),
    "momentum": SGD(0.01, momentum=0.9),
    "nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(1e-3),
    "adam": Adam(1e-3),
    "adamw": AdamW(1e-3),
    "lion": Lion(1e-4),
    "sophia": Sophia(1e-4),
}
"""By the name that `--set optimizer=NAME` takes."""


# === Learning-rate schedules ===


@dataclass(frozen=True)
class Constant:
    """The optimizer's learning rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`."""
        return 1.0


@dataclass(frozen=True)
class OneCycle:
    """One cosine rise and one cosine fall of the learning rate (Smith and Topin 2018).

    Starts at 1/start_divisor, reaches 1 after warmup_share of the steps and ends at
    1/(start_divisor * end_divisor) of the optimizer's learning rate; the two-phase form of
    torch.optim.lr_scheduler.OneCycleLR. The momentum stays constant.
    """

    warmup_share: float
    start_divisor: float
    end_divisor: float

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak learning rate at `step` (0-based) of `steps`."""
        peak = self.warmup_share * steps - 1
        start, end = 1 / self.start_divisor, 1 / (self.start_divisor * self.end_divisor)
        if step < peak:
            return _cosine(start, 1.0, step / peak)
        return _cosine(1.0, end, (step - peak) / (steps - 1 - peak))


@dataclass(frozen=True)
class WarmUp:
    """A straight rise to the learning rate and a straight fall to zero (Devlin et al. 2019, appendix A.2)."""

    warmup_share: float

    def factor(self, step: int, steps: int) -> float:
        """Share of the learning rate at `step` (0-based) of `steps`; the first is not zero, nor is the last."""
        rise = self.warmup_share * steps
        return min(1.0, (step + 1) / rise if rise else 1.0, (steps - step) / (steps - rise))


def _cosine(first: float, last: float, progress: float) -> float:
    """Half a cosine wave from `first` to `last` as progress goes from 0 to 1."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * progress))


Schedule = Constant | OneCycle | WarmUp


# === When training ends ===


@dataclass(frozen=True)
class EarlyStopping:
    """Training ends before its last epoch where epochs bring nothing more (Prechelt 1998).

    An epoch is better than the best so far if its loss on the validation split is smaller by more than min_delta.
    After `patience` epochs in a row that are not, training ends; 0 ends it at the first. It ends a recipe's stage.
    """

    patience: int
    min_delta: float = 0.0
    restore_best: bool = True
    """Training ends, early or not, with the weights of the best epoch; else with those of the last."""


# === Recipes ===


Trained = Literal["all", "head", "last_block"]
"""Weights that are trained: all, those of the head alone, or those of the head and of the base's last block."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained."""

    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    epochs: int
    trained: Trained = "all"
    """A head alone is trained on the features of the frozen base, which are computed once."""
    head_first: "Recipe | None" = None
    """A stage before this one, for the head alone."""
    early_stopping: EarlyStopping | None = None
    """Goes through all epochs if there is none."""

    @property
    def stages(self) -> "tuple[Recipe, ...]":
        """What is done one after the other; this recipe comes last."""
        return (self.head_first, self) if self.head_first else (self,)

    def learning_rates(self, steps: int) -> list[float]:
        """Return the learning rate of every one of `steps` training steps."""
        peak = self.optimizer.learning_rate
        return [peak * self.schedule.factor(step, steps) for step in range(steps)]
