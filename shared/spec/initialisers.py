"""Initial weights as plain data: the law that a weight is drawn from, the same for every track.

A law is stated by its distribution, its gain and the fan that it divides by. Fan in is the number of inputs of one
unit, fan out the number of outputs of one input; of a canonical kernel (..., inputs, outputs) both count all other
axes, the receptive field, too. `draw` is the law in NumPy; keras_track/initialisers.py and torch_track/initialisers.py
build it from what each framework has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Literal

from twotrack.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

Fan = Literal["in", "out", "average"]
Distribution = Literal["uniform", "normal", "truncated"]
"""truncated: a normal one, drawn anew beyond two standard deviations of its own."""
TRUNCATED = 0.87962566103423978
"""The standard deviation of a standard normal distribution that is cut off at -2 and 2."""


@dataclass(frozen=True)
class Filled:
    """All numbers are one: 0 for biases, 1 for scales."""

    value: float = 0.0


@dataclass(frozen=True)
class Scaled:
    """Variance = gain / fan (Glorot and Bengio 2010; He et al. 2015), with mean 0.

    uniform: between -sqrt(3 * gain / fan) and sqrt(3 * gain / fan); truncated: the variance is that of what is left.
    """

    gain: float
    fan: Fan = "in"
    distribution: Distribution = "uniform"

    def __post_init__(self) -> None:
        if not self.gain > 0:
            raise UserError(f"Scaled: expected gain > 0, found {self.gain}.")

    def deviation(self, fans: tuple[float, float]) -> float:
        """Return the standard deviation, by fan in and fan out."""
        fan = {"in": fans[0], "out": fans[1], "average": sum(fans) / 2}[self.fan]
        return sqrt(self.gain / max(fan, 1.0))


@dataclass(frozen=True)
class Spread:
    """A standard deviation of its own, whatever the shape; uniform between -sqrt(3) and sqrt(3) times that."""

    deviation: float
    distribution: Distribution = "normal"


@dataclass(frozen=True)
class OrthogonalStart:
    """gain times a matrix (all other axes, outputs) with orthonormal rows or columns (Saxe et al. 2014).

    It is drawn evenly from all of them. With `blocks`, so many matrices stand side by side along the last axis, each
    drawn by itself: the gates of a recurrent layer.
    """

    gain: float = 1.0
    blocks: int = 1


@dataclass(frozen=True)
class Blocks:
    """As many blocks of equal size along the last axis as there are values, each filled with one.

    (0, 1, 0, 0) is the bias of an LSTM that remembers (Jozefowicz et al. 2015): its gates are input, forget, cell,
    output.
    """

    values: tuple[float, ...]


Initialiser = Filled | Scaled | Spread | OrthogonalStart | Blocks
LAWS: tuple[type, ...] = (Filled, Scaled, Spread, OrthogonalStart, Blocks)
"""All of them."""

INITIALISERS: dict[str, Initialiser] = {
    "zeros": Filled(0.0),
    "ones": Filled(1.0),
    "glorot_uniform": Scaled(1.0, "average"),
    "glorot_normal": Scaled(1.0, "average", "truncated"),
    "xavier_normal": Scaled(1.0, "average", "normal"),
    "he_uniform": Scaled(2.0),
    "he_normal": Scaled(2.0, "in", "truncated"),
    "kaiming_normal": Scaled(2.0, "in", "normal"),
    "lecun_uniform": Scaled(1.0),
    "lecun_normal": Scaled(1.0, "in", "truncated"),
    "torch_default": Scaled(1 / 3),
    "random_uniform": Spread(0.05 / sqrt(3), "uniform"),
    "random_normal": Spread(0.05),
    "truncated_normal": Spread(0.05 * TRUNCATED, "truncated"),
    "standard_normal": Spread(1.0),
    "orthogonal": OrthogonalStart(),
}
"""By name. Keras' normal ones of Glorot, He and LeCun are truncated, torch's (`xavier_normal_`, `kaiming_normal_`) are
not; `torch_default` is kaiming_uniform_(a=sqrt(5)), by which torch's dense and convolution layers draw kernels: uniform
within 1 / sqrt(fan in)."""


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """Return fan in and fan out of a canonical weight (..., inputs, outputs); of one axis both are its size."""
    if len(shape) < 2:
        size = float(prod(shape))
        return size, size
    field = prod(shape[:-2])
    return float(field * shape[-2]), float(field * shape[-1])


def draw(
    spec: Initialiser,
    generator: "np.random.Generator",
    shape: Sequence[int],
    of_shape: tuple[float, float] | None = None,
) -> "np.ndarray":
    """Return a canonical weight in float64; fan in and fan out are given where the shape does not tell them."""
    import numpy as np

    match spec:
        case Filled(value):
            return np.full(tuple(shape), float(value))
        case Scaled():
            return spec.deviation(of_shape or fans(shape)) * _standard(spec.distribution, generator, shape)
        case Spread(deviation, distribution):
            return deviation * _standard(distribution, generator, shape)
        case Blocks(values):
            return np.broadcast_to(np.repeat(values, shape[-1] // len(values)), tuple(shape)).astype(float)
    part = (*shape[:-1], shape[-1] // spec.blocks)
    return np.concatenate([_orthogonal(spec.gain, generator, part) for _ in range(spec.blocks)], axis=-1)


def _orthogonal(gain: float, generator: "np.random.Generator", shape: Sequence[int]) -> "np.ndarray":
    import numpy as np

    rows, columns = prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))  # without the signs, QR prefers some matrices
    return gain * (q if rows >= columns else q.T).reshape(tuple(shape))


def _standard(distribution: Distribution, generator: "np.random.Generator", shape: Sequence[int]) -> "np.ndarray":
    """Return numbers of mean 0 and variance 1."""
    if distribution == "uniform":
        return generator.uniform(-sqrt(3), sqrt(3), tuple(shape))
    drawn = generator.normal(size=tuple(shape))
    if distribution == "normal":
        return drawn
    while (beyond := abs(drawn) > 2).any():
        drawn[beyond] = generator.normal(size=int(beyond.sum()))
    return drawn / TRUNCATED
