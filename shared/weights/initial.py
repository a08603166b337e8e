"""Initial weights, drawn once in canonical form, so that every track starts from the same numbers."""

from collections.abc import Callable, Mapping
from math import prod, sqrt
from types import MappingProxyType
from typing import Any
from zlib import crc32

import numpy as np

from twotrack.shared.spec import initialisers
from twotrack.shared.spec.activations import PRELU_ALPHA
from twotrack.shared.spec.initialisers import Initialiser
from twotrack.shared.spec.transfer import Transfer

Shape = tuple[int, ...]
CONSTANTS = {
    "bias": 0.0,
    "beta": 0.0,
    "gamma": 1.0,
    "moving_mean": 0.0,
    "moving_variance": 1.0,
    "alpha": PRELU_ALPHA,
    "layer_scale": 1e-6,
}
"""By kind of weight; layer scales as in ConvNeXt (Liu et al. 2022)."""
EMBEDDING_DEVIATION = 0.02
"""As in BERT (Devlin et al. 2019)."""
LSTM_GATES, FORGET_GATE = 4, 1


def start(
    transfer: Transfer | None,
    config: Any,
    shapes: Mapping[str, Shape],
    seed: int,
    own: Mapping[str, np.ndarray] = MappingProxyType({}),
    kernels: Initialiser | None = None,
) -> dict[str, np.ndarray]:
    """Return the weights with which training of a chapter's model begins: pretrained where there are, else drawn.

    `transfer` and `config` are the chapter's, `shapes` those of the model by canonical name; `own` weights of the model
    stay as its framework has drawn them, unless they are pretrained. `kernels` is the law of these, as of `draw`.
    Raises UserError if pretrained weights cannot be had.
    """
    pretrained = transfer.start(config, shapes) if transfer else {}
    drawn = draw({name: shape for name, shape in shapes.items() if name not in pretrained}, seed, kernels)
    return drawn | dict(own) | pretrained


def draw(shapes: Mapping[str, Shape], seed: int, kernels: Initialiser | None = None) -> dict[str, np.ndarray]:
    """Return float32 arrays for canonical names and shapes.

    Each name has a random stream of its own, so the order of the names does not matter.
    Kernels are Glorot uniform (Glorot and Bengio 2010, equation 16), recurrent kernels orthogonal for
    each gate (Saxe et al. 2014), embeddings normal. Biases are 0, but for an LSTM's forget gate: 1
    (Jozefowicz et al. 2015). `kernels` is another law for kernels, but for recurrent ones.
    Raises ValueError for a name that ends in no known kind of weight.
    """
    drawn = {name: _draw_weight(name, shape, seed, kernels).astype(np.float32) for name, shape in shapes.items()}
    for name, bias in drawn.items():
        layer, _, kind = name.rpartition(".")
        if kind == "bias" and _num_gates(shapes.get(f"{layer}.recurrent_kernel", (1, 1))) == LSTM_GATES:
            np.split(bias, LSTM_GATES)[FORGET_GATE][:] = 1.0
    return drawn


def _draw_weight(name: str, shape: Shape, seed: int, kernels: Initialiser | None) -> np.ndarray:
    path, _, kind = name.rpartition(".")
    if kind in CONSTANTS:
        return np.full(shape, CONSTANTS[kind])
    if kind not in _DRAWN:
        raise ValueError(f"no initialisation is known for the weight '{name}' of shape {shape}")
    generator = np.random.default_rng([seed, crc32(name.encode())])
    layer = path.rpartition(".")[2]
    if kernels is not None and kind == "kernel":
        return initialisers.draw(kernels, generator, shape, _fans(shape, layer))
    return _DRAWN[kind](generator, shape, layer)


def _glorot_uniform(generator: np.random.Generator, shape: Shape, layer: str) -> np.ndarray:
    fan_in, fan_out = _fans(shape, layer)
    limit = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape)


def _fans(shape: Shape, layer: str) -> tuple[int, int]:
    """Return inputs and outputs of one unit; attention has its heads on an axis of their own."""
    if layer in {"query", "key", "value"} and len(shape) == 3:  # (inputs, heads, head size)
        return shape[0], shape[1] * shape[2]
    if layer == "attention_output" and len(shape) == 3:  # (heads, head size, outputs)
        return shape[0] * shape[1], shape[2]
    receptive_field = prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _orthogonal(generator: np.random.Generator, shape: Shape, layer: str) -> np.ndarray:
    """Return (hidden, gates * hidden): for each gate a matrix drawn evenly from all orthogonal ones."""
    hidden = shape[0]
    gates = []
    for _ in range(_num_gates(shape)):
        q, r = np.linalg.qr(generator.normal(size=(hidden, hidden)))
        gates.append(q * np.sign(np.diag(r)))  # without the signs, QR prefers some matrices
    return np.concatenate(gates, axis=1)


def _num_gates(shape: Shape) -> int:
    return shape[1] // shape[0]


def _normal(generator: np.random.Generator, shape: Shape, _: str) -> np.ndarray:
    return generator.normal(scale=EMBEDDING_DEVIATION, size=shape)


_DRAWN: Mapping[str, Callable[[np.random.Generator, Shape, str], np.ndarray]] = MappingProxyType(
    {"kernel": _glorot_uniform, "recurrent_kernel": _orthogonal, "embeddings": _normal}
)
