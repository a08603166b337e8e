"""Optimizers as plain data: a formula and its numbers.

Every number that a framework would otherwise fill in with a default of its own is written here,
so that both tracks get the same one.
"""

from dataclasses import dataclass

from twotrack.shared.errors import UserError
from twotrack.shared.spec.update_options import UpdateOptions

# In the formulas, g is the loss's gradient in a weight w, t = 1, 2, ... counts the updates, all state
# starts at zero, and learning_rate is the step's own. Weight decay is decoupled (Loshchilov and
# Hutter 2019) and reaches every trainable weight, biases too, unless a group says otherwise; g was
# taken before it. A weight is one in canonical form, which norms, rows and columns are of.


@dataclass(frozen=True)
class SGD(UpdateOptions):
    """Gradient descent, with momentum (Polyak 1964) or its Nesterov form (Sutskever et al. 2013).

    w -= learning_rate * weight_decay * w
    velocity = momentum * velocity - learning_rate * g                      if t = 1
    velocity = momentum * velocity - (1 - dampening) * learning_rate * g    otherwise
    w += momentum * velocity - learning_rate * g    if nesterov
    w += velocity                                   otherwise

    The velocity keeps the learning rate of every step that went into it, which matters under a
    schedule. `nesterov` needs a momentum and no dampening, dampening a momentum.
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    dampening: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dampening and (self.nesterov or not self.momentum):
            raise UserError("SGD: expected dampening with a momentum and without nesterov.")


@dataclass(frozen=True)
class RMSprop(UpdateOptions):
    """RMSprop (Tieleman and Hinton 2012, lecture 6e), epsilon inside the root; centred as in Graves 2013, eq. 38-43.

    w -= learning_rate * weight_decay * w
    v = rho * v + (1 - rho) * g^2
    mean = rho * mean + (1 - rho) * g
    step = momentum * step + learning_rate * g / sqrt(v - mean^2 + epsilon)    if centered
    step = momentum * step + learning_rate * g / sqrt(v + epsilon)             otherwise
    w -= step
    """

    learning_rate: float
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    centered: bool = False


@dataclass(frozen=True)
class Adam(UpdateOptions):
    """Adam (Kingma and Ba 2015, Algorithm 1, with epsilon as in the note before section 2.1).

    AMSGrad divides by the largest v so far (Reddi et al. 2018, Algorithm 2, with Adam's corrections).

    w -= learning_rate * weight_decay * w
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g^2
    largest = max(largest, v)
    w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(largest) + epsilon)    if amsgrad
    w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)          otherwise
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    amsgrad: bool = False


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, by its formula, with weight decay by default (Loshchilov and Hutter 2019, Algorithm 2).

    Their eta * alpha, schedule times step size, is learning_rate; their eta * lambda is
    learning_rate * weight_decay, so that a schedule scales the decay too.
    """

    weight_decay: float = 0.004


@dataclass(frozen=True)
class Lion(UpdateOptions):
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
class Sophia(UpdateOptions):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.accumulate > 1:
            raise UserError("Sophia: expected accumulate=1, as its curvature is that of one batch.")


@dataclass(frozen=True)
class Adagrad(UpdateOptions):
    """Adagrad (Duchi et al. 2011), epsilon inside the root.

    w -= learning_rate * weight_decay * w
    v = v + g^2    from v = initial on
    w -= learning_rate * g / sqrt(v + epsilon)
    """

    learning_rate: float
    initial: float = 0.1
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adadelta(UpdateOptions):
    """Adadelta (Zeiler 2012, Algorithm 1), times a learning rate, which is 1 there.

    w -= learning_rate * weight_decay * w
    v = rho * v + (1 - rho) * g^2
    delta = sqrt(moved + epsilon) / sqrt(v + epsilon) * g
    moved = rho * moved + (1 - rho) * delta^2
    w -= learning_rate * delta
    """

    learning_rate: float
    rho: float = 0.95
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adamax(UpdateOptions):
    """Adamax (Kingma and Ba 2015, Algorithm 2), with an epsilon beside the norm.

    w -= learning_rate * weight_decay * w
    m = beta_1 * m + (1 - beta_1) * g
    u = max(beta_2 * u, abs(g))
    w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Nadam(UpdateOptions):
    """Nadam (Dozat 2016, Algorithm 8), with the momentum schedule of its section 3.

    w -= learning_rate * weight_decay * w
    mu = beta_1 * (1 - 0.96^t / 2)
    coming = beta_1 * (1 - 0.96^(t + 1) / 2)
    product = product * mu    from product = 1 on
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g^2
    mean = coming * m / (1 - product * coming) + (1 - mu) * g / (1 - product)
    w -= learning_rate * mean / (sqrt(v / (1 - beta_2^t)) + epsilon)
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Lamb(UpdateOptions):
    """Lamb (You et al. 2020, Algorithm 2), with Adam's corrections and weight decay outside of the trust ratio.

    w -= learning_rate * weight_decay * w
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g^2
    u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
    w -= learning_rate * norm(w) / norm(u) * u    the ratio is 1 where one of the norms is 0

    The norms are those of whole weights.
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adafactor(UpdateOptions):
    """Adafactor (Shazeer and Stern 2018, Algorithms 4 and 5), without momentum.

    w -= learning_rate * weight_decay * w
    rate = max(epsilon_2, rms(w)) * min(learning_rate, 1 / sqrt(t))
    beta = 1 - t^beta_2_decay
    r = beta * r + (1 - beta) * mean(g^2 + epsilon_1, last axis)
    c = beta * c + (1 - beta) * mean(g^2 + epsilon_1, last axis but one)
    v = r / mean(r, last axis) * c                       of weights with two axes or more
    v = beta * v + (1 - beta) * (g^2 + epsilon_1)        of others
    u = g / sqrt(v)
    w -= rate * u / max(1, rms(u) / clip_threshold)

    rms is the root of the mean of the squares of a whole weight.
    """

    learning_rate: float
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Muon(UpdateOptions):
    """Muon (Jordan et al. 2024) for matrices, scaled as in Liu et al. 2025 (Moonlight); Adam's formula for the rest.

    w -= learning_rate * weight_decay * w
    of weights with two axes that are no table of embeddings:
        m = momentum * m + g
        d = g + momentum * m    if nesterov
        d = m                   otherwise
        x = d / (norm(d) + 1e-7), ns_steps times x = 3.4445 * x + (b * x x' + c * (x x')^2) x, b = -4.775, c = 2.0315
        w -= learning_rate * rms_rate * sqrt(max(rows, columns)) * x
    of all others:
        as Adam of beta_1, beta_2 and epsilon

    x x' is of the shorter side of x. rms_rate None stands for a factor of 1.
    """

    learning_rate: float
    momentum: float = 0.95
    nesterov: bool = True
    ns_steps: int = 5
    rms_rate: float | None = 0.2
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0

    @staticmethod
    def is_matrix(name: str, axes: int) -> bool:
        """Whether a weight, by canonical name and number of canonical axes, is updated as a matrix."""
        return axes == 2 and name.rpartition(".")[2] != "embeddings"


Optimizer = SGD | RMSprop | Adam | AdamW | Lion | Sophia | Adagrad | Adadelta | Adamax | Nadam | Lamb | Adafactor | Muon

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.01),
    "momentum": SGD(0.01, momentum=0.9),
    "nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(1e-3),
    "rmsprop_centered": RMSprop(1e-3, centered=True),
    "adam": Adam(1e-3),
    "amsgrad": Adam(1e-3, amsgrad=True),
    "adamw": AdamW(1e-3),
    "lion": Lion(1e-4),
    "sophia": Sophia(1e-4),
    "adagrad": Adagrad(0.01),
    "adadelta": Adadelta(1.0),
    "adamax": Adamax(2e-3),
    "nadam": Nadam(1e-3),
    "lamb": Lamb(1e-3),
    "adafactor": Adafactor(0.01),
    "muon": Muon(1e-3),
}
"""By the name that `--set optimizer=NAME` takes."""
