"""The search where both sides' losses hold something for the weights, and not the same."""

from collections.abc import Iterator, Mapping

import numpy as np

from twotrack.shared.spec.changes import Candidate, ChangeLoss, Function
from twotrack.shared.verify.diagnosis.loss_fits import rounded
from twotrack.shared.verify.result import in_short

EXPLAINED = 1e-9
"""Relative: how well strengths must explain the gradients of a penalty."""
Strengths = tuple[float, float]
"""Of the sum of |w|, and of the sum of w^2."""


def candidates(
    torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> Iterator[Candidate]:
    """Yield Keras' penalties in the place of torch's, as their gradients by weight tell them; none of an odd kind."""
    own, other = _strengths(torch, weights), _strengths(keras, weights)
    if own is None or other is None or own == other:
        return
    names = tuple(other)
    parameters = {"names": names, "l1": tuple(other[n][0] for n in names), "l2": tuple(other[n][1] for n in names)}
    change = ChangeLoss(function=Function(name="penalties", parameters=parameters))
    differing: dict[tuple[Strengths, Strengths], list[str]] = {}
    for name in dict.fromkeys((*own, *other)):
        pair = other.get(name, (0.0, 0.0)), own.get(name, (0.0, 0.0))
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


def _strengths(gradients: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> dict[str, Strengths] | None:
    """Return the strengths of each weight that has any; None unless they explain all gradients."""
    found: dict[str, Strengths] = {}
    for name, gradient in gradients.items():
        if not gradient.any():
            continue
        terms = np.stack([np.sign(weights[name]).reshape(-1), 2 * weights[name].reshape(-1)], axis=1)
        fitted, *_ = np.linalg.lstsq(terms, gradient.reshape(-1), rcond=None)
        if np.abs(terms @ fitted - gradient.reshape(-1)).max() > EXPLAINED * np.abs(gradient).max():
            return None
        sizes = np.abs(fitted) * [1.0, 2 * np.abs(weights[name]).max()]
        l1, l2 = (
            rounded(float(one)) if size > EXPLAINED * sizes.max() else 0.0
            for one, size in zip(fitted, sizes, strict=True)
        )
        found[name] = l1, l2
    return found


def _told(strengths: Strengths) -> str:
    parts = [f"{one:g} * sum({what})" for one, what in zip(strengths, ("|w|", "w^2"), strict=True) if one]
    return " + ".join(parts) or "nothing"
