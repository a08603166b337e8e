"""The search where both sides' losses hold something for the weights, and not the same."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import ChangeLoss, Function
from twotrack.shared.verify.diagnosis.loss_fits import rounded
from twotrack.shared.verify.result import in_short

EXPLAINED = 1e-9
"""Relative: how well strengths must explain the gradients of a penalty."""
Strengths = tuple[float, float, float]
"""Of the sum of |w|, of the sum of w^2, and of an orthogonal penalty."""


def candidates(
    torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> Iterator[Candidate]:
    """Yield Keras' penalties in the place of torch's, as their gradients by weight tell them; none of an odd kind."""
    own, other = _strengths(torch, weights), _strengths(keras, weights)
    if None in other.values() or own == other:
        return
    held = {name: found for name, found in other.items() if found}
    parameters = {
        "names": tuple(held),
        **{name: tuple(found[place] for found in held.values()) for place, name in enumerate(TERMS)},
    }
    change = ChangeLoss(function=Function(name="penalties", parameters=parameters))
    differing: dict[tuple[Strengths | None, Strengths | None], list[str]] = {}
    for name in dict.fromkeys((*own, *other)):
        pair = other.get(name, NONE), own.get(name, NONE)
        if pair[0] != pair[1]:
            differing.setdefault(pair, []).append(name)
    parts = [
        f"for {in_short(map(repr, names))} the loss holds {_told(keras_own)} in Keras and {_told(torch_own)} in torch"
        for (keras_own, torch_own), names in differing.items()
    ]
    fixes = [
        "; ".join(f"{_told(pair[side])} for {in_short(map(repr, names))}" for pair, names in differing.items())
        for side in (0, 1)
    ]
    yield Candidate(
        changes=(change,),
        what="; ".join(parts),
        torch_fix=f"in torch's loss {fixes[0]}",
        keras_fix=f"kernel_regularizer and bias_regularizer in Keras' layers: {fixes[1]}",
        entry="weight_penalties",
    )


def _strengths(gradients: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> dict[str, Strengths | None]:
    """Return the strengths of each weight that has any; None for one whose gradient they do not explain."""
    return {name: _explained(one, weights[name]) for name, one in gradients.items() if one.any()}


def _explained(gradient: np.ndarray, weight: np.ndarray) -> Strengths | None:
    terms = np.stack([term(weight).reshape(-1) for term in _GRADIENTS], axis=1)
    sizes = np.abs(terms).max(axis=0, initial=0.0)
    for count in (2, len(TERMS)):  # the simple ones alone, if they do
        kept = [number for number in range(count) if sizes[number]]
        fitted, *_ = np.linalg.lstsq(terms[:, kept] / sizes[kept], gradient.reshape(-1), rcond=None)
        left = np.abs(terms[:, kept] / sizes[kept] @ fitted - gradient.reshape(-1)).max()
        if left <= EXPLAINED * np.abs(gradient).max():
            acting = np.abs(fitted) > EXPLAINED * np.abs(fitted).max()
            own = dict(zip(kept, np.where(acting, fitted / sizes[kept], 0.0), strict=True))
            return tuple(rounded(float(own.get(number, 0.0))) for number in range(len(TERMS)))  # type: ignore[return-value]
    return None


def _orthogonal(weight: np.ndarray) -> np.ndarray:
    matrix = weight.reshape(-1, weight.shape[-1]) if weight.ndim > 1 else np.zeros((weight.size, 1))
    return 4 * (matrix @ (matrix.T @ matrix - np.eye(matrix.shape[1])))


def _told(strengths: Strengths | None) -> str:
    if strengths is None:
        return "another penalty"
    words = ("sum(|w|)", "sum(w^2)", "sum((K'K - I)^2), an orthogonal penalty")
    parts = [f"{one:g} * {what}" for one, what in zip(strengths, words, strict=True) if one]
    return " + ".join(parts) or "nothing"


TERMS = ("l1", "l2", "orthogonal")
NONE: Strengths = (0.0, 0.0, 0.0)
_GRADIENTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.sign, lambda weight: 2 * weight, _orthogonal)
"""Of the penalties of strength 1."""
