"""What a model's outputs can be, and a way from numbers of any size to outputs of that kind.

A loss on probabilities is compared on probabilities: nothing else reaches it. The gradient that trains is the one with
respect to what stands before the softmax or sigmoid, so differences that vanish on the way there are none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

WHOLE = 1e-6
"""How far a sum of probabilities, float32, may be from 1."""


class Link(NamedTuple):
    """A way from scores of any size to outputs."""

    noun: str
    """What the outputs are, in the plural, for messages."""
    outputs: Callable[[np.ndarray], np.ndarray]
    """Maps scores (..., classes) to outputs."""
    pull: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Maps outputs and the gradient with respect to them to the gradient with respect to scores."""
    is_probability: bool = False


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _pull_softmax(outputs: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return outputs * (gradient - (outputs * gradient).sum(axis=-1, keepdims=True))


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _pull_log_softmax(outputs: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return gradient - np.exp(outputs) * gradient.sum(axis=-1, keepdims=True)


def _sigmoid(scores: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1.0, small) / (1 + small)


IDENTITY = "identity"
LINKS: Mapping[str, Link] = {
    "softmax": Link("probabilities", _softmax, _pull_softmax, is_probability=True),
    "log_softmax": Link("logarithms of probabilities", _log_softmax, _pull_log_softmax),
    "sigmoid": Link("probabilities", _sigmoid, lambda y, g: y * (1 - y) * g, is_probability=True),
    "tanh": Link("outputs between -1 and 1", np.tanh, lambda y, g: (1 - y) * (1 + y) * g),
    "positive": Link("positive outputs", np.abs, lambda y, g: g),
    IDENTITY: Link("outputs", lambda scores: scores, lambda y, g: g),
}


def link_of(seen: Sequence[np.ndarray]) -> str:
    """Return the name of the narrowest link whose outputs have been seen; several arrays (..., classes), all finite."""
    values = np.concatenate([array.reshape(-1, array.shape[-1]) for array in seen]).astype(float)
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    several = values.shape[-1] > 1
    if several and low >= 0 and _sums_to_one(values):
        return "softmax"
    if several and high <= 0 and _sums_to_one(np.exp(values)):
        return "log_softmax"
    if low >= 0:
        return "sigmoid" if high <= 1 else "positive"
    return "tanh" if low >= -1 and high <= 1 else IDENTITY


def _sums_to_one(values: np.ndarray) -> bool:
    return len(values) > 0 and bool(np.allclose(values.sum(axis=-1), 1.0, rtol=0, atol=WHOLE))


LINKED = ("softmax", "log_softmax", "sigmoid")
"""Functions that one framework's models end with, and the other's losses begin with."""


def links_between(torch: Sequence[np.ndarray], keras: Sequence[np.ndarray], limit: float) -> tuple[str, ...]:
    """Return, for each output, the function that makes Keras' of torch's; nothing if there is none, or no need."""
    if [one.shape for one in torch] != [one.shape for one in keras]:
        return ()
    names = [_link_between(*pair, limit) for pair in zip(torch, keras, strict=True)]
    return tuple(names) if all(names) and set(names) != {IDENTITY} else ()


def _link_between(torch: np.ndarray, keras: np.ndarray, limit: float) -> str:
    for name in (IDENTITY, *LINKED):
        if torch.ndim > 1 and np.abs(LINKS[name].outputs(torch) - keras).max(initial=0.0) <= limit * np.abs(keras).max(
            initial=0.0
        ):
            return name
    return ""
