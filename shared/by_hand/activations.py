"""The ten activations and their derivatives, from their equations, in forms that keep their digits up to |x| = 700.

x has any shape; an activation acts on each of its elements, but softmax and SwiGLU on its last axis.
At a kink, x = 0, the derivative is the one from the left.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy.special import erfc, expit

from twotrack.shared.spec.activations import LEAKY_SLOPE, Activation

GELU_CUBIC = 0.044715
"""Weight of x^3 in the approximate GELU (Hendrycks and Gimpel 2016)."""


def none(x: np.ndarray) -> np.ndarray:
    """Return x: layers without an activation add up to one linear layer."""
    return x


def d_none(x: np.ndarray) -> np.ndarray:
    """Return 1."""
    return np.ones_like(x)


def relu(x: np.ndarray) -> np.ndarray:
    """Return max(x, 0) (Nair and Hinton 2010)."""
    return np.maximum(x, 0)


def d_relu(x: np.ndarray) -> np.ndarray:
    """Return 1 above 0, else 0: a unit that is below 0 for every example learns nothing more."""
    return np.where(x > 0, 1.0, 0.0)


def leaky_relu(x: np.ndarray) -> np.ndarray:
    """Return x above 0, else 0.01 x (Maas et al. 2013)."""
    return np.where(x > 0, x, LEAKY_SLOPE * x)


def d_leaky_relu(x: np.ndarray) -> np.ndarray:
    """Return 1 above 0, else 0.01."""
    return np.where(x > 0, 1.0, LEAKY_SLOPE)


def prelu(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return x above 0, else alpha x, where alpha (units,) is learned (He et al. 2015)."""
    return np.where(x > 0, x, alpha * x)


def d_prelu(x: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives in x (1 above 0, else alpha) and, per element, in alpha (0 above 0, else x)."""
    return np.where(x > 0, 1.0, alpha), np.where(x > 0, 0.0, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return expit(x)


def d_sigmoid(x: np.ndarray) -> np.ndarray:
    """Return s (1 - s), where 1 - s(x) = s(-x): at most 1/4, so that it shrinks every gradient."""
    return expit(x) * expit(-x)


def tanh(x: np.ndarray) -> np.ndarray:
    """Return (exp(x) - exp(-x)) / (exp(x) + exp(-x)), which is 2 sigmoid(2x) - 1."""
    return np.tanh(x)


def d_tanh(x: np.ndarray) -> np.ndarray:
    """Return 1 - tanh(x)^2, written as 4 s(2x) s(-2x): at large |x| nothing is left of 1 - 1."""
    return 4 * expit(2 * x) * expit(-2 * x)


def softmax(x: np.ndarray) -> np.ndarray:
    """Return exp(x_i) / sum_j exp(x_j) over the last axis; subtracting the largest x changes nothing."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def d_softmax(x: np.ndarray) -> np.ndarray:
    """Return the Jacobian ds_i/dx_j = s_i (1[i = j] - s_j): (..., n, n), symmetric."""
    s = softmax(x)
    return s[..., :, None] * (np.eye(x.shape[-1]) - s[..., None, :])


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x Phi(x), Phi the normal distribution (Hendrycks and Gimpel 2016)."""
    return x * _normal_distribution(x)


def d_gelu(x: np.ndarray) -> np.ndarray:
    """Return Phi(x) + x phi(x), phi the normal density."""
    return _normal_distribution(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _normal_distribution(x: np.ndarray) -> np.ndarray:
    """Return (1 + erf(x / sqrt(2))) / 2; 1 + erf(-u) is erfc(u), without the cancellation."""
    return erfc(-x / np.sqrt(2)) / 2


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """Return x (1 + tanh(u)) / 2, u = sqrt(2/pi) (x + 0.044715 x^3); (1 + tanh(u)) / 2 is s(2u)."""
    return x * expit(2 * _gelu_argument(x))


def d_gelu_tanh(x: np.ndarray) -> np.ndarray:
    """Return s(2u) + x s'(2u) 2 u', u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2)."""
    u, du = _gelu_argument(x), np.sqrt(2 / np.pi) * (1 + 3 * GELU_CUBIC * x**2)
    return expit(2 * u) + x * d_sigmoid(2 * u) * 2 * du


def _gelu_argument(x: np.ndarray) -> np.ndarray:
    return np.sqrt(2 / np.pi) * (x + GELU_CUBIC * x**3)


def silu(x: np.ndarray) -> np.ndarray:
    """Return x sigmoid(x), also called swish (Elfwing et al. 2017)."""
    return x * expit(x)


def d_silu(x: np.ndarray) -> np.ndarray:
    """Return s + x s (1 - s)."""
    return expit(x) + x * d_sigmoid(x)


def swiglu(x: np.ndarray) -> np.ndarray:
    """Return a silu(b) (..., units), a and b the halves of x (..., 2 * units): b is the gate (Shazeer 2020)."""
    a, b = np.split(x, 2, axis=-1)
    return a * silu(b)


def d_swiglu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives in a, silu(b), and in b, a silu'(b); both (..., units)."""
    a, b = np.split(x, 2, axis=-1)
    return silu(b), a * d_silu(b)


ELEMENTWISE: Mapping[Activation, tuple[Callable, Callable]] = MappingProxyType(
    {
        "none": (none, d_none),
        "relu": (relu, d_relu),
        "leaky_relu": (leaky_relu, d_leaky_relu),
        "sigmoid": (sigmoid, d_sigmoid),
        "tanh": (tanh, d_tanh),
        "gelu": (gelu, d_gelu),
        "gelu_tanh": (gelu_tanh, d_gelu_tanh),
    }
)
"""Value and derivative of those that map one number to one number and learn nothing."""
