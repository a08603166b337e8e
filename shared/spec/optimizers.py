"""Optimizers as plain data: a formula and its numbers.

Every number that a framework would otherwise fill in with a default of its own is written here,
so that both tracks get the same one.
"""

from dataclasses import dataclass

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
