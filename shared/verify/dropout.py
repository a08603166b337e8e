"""The rung dropout: kind, rate, mask and place of every draw, and what both sides make of the same numbers.

The rungs gradients and training go on with these numbers, dropout on.
"""

from collections import Counter
from collections.abc import Sequence
from math import isclose

from twotrack.shared.base.tolerances import SAME_HYPERPARAMETER, TOLERANCES
from twotrack.shared.spec.draws import Draw
from twotrack.shared.verify.draws import Matched, SideDraws, match
from twotrack.shared.verify.rungs import FailurePlace, RungResult, compare_forward, matched_layers

RUNG = "dropout"
SHOWN_DRAWS = 3
"""Of one side, in a message."""


def check(torch: SideDraws, keras: SideDraws) -> RungResult:
    """Compare what both sides draw in training, and their outputs in training mode on the same numbers."""
    if not torch.draws and not keras.draws:
        return RungResult(RUNG, True, "nothing is drawn in training")
    pairs = match(torch, keras)
    if pairs is None:
        return _unmatched(torch.draws, keras.draws)
    for pair in pairs:
        if _rates_differ(pair):
            detail = f"Keras: {_told(pair.keras)}; torch: {_told(pair.torch)}"
            return _failure(f"the rates differ: {detail}", pair.keras)
    return _compare(torch, keras, pairs)


def _rates_differ(pair: Matched) -> bool:
    torch, keras = pair.torch.rate, pair.keras.rate
    return torch is not None and keras is not None and not isclose(torch, keras, rel_tol=SAME_HYPERPARAMETER)


def _failure(detail: str, draw: Draw, difference: float | None = None) -> RungResult:
    limit = None if difference is None else TOLERANCES["forward"].limit
    return RungResult(
        RUNG, False, detail, difference, limit=limit, place=FailurePlace.DROPOUT, where=draw.layer or draw.after
    )


def _unmatched(torch: Sequence[Draw], keras: Sequence[Draw]) -> RungResult:
    """Say what is drawn on one side only, or otherwise."""
    draw = next((one for one in keras if not _has_like(one, torch)), None)
    other = next((one for one in torch if not _has_like(one, keras)), None)
    where = draw or other or (keras or torch)[0]
    return _failure(f"Keras draws {_list(keras)}; torch draws {_list(torch)}", where)


def _has_like(draw: Draw, others: Sequence[Draw]) -> bool:
    return any((draw.base, draw.size) == (other.base, other.size) for other in others)


def _list(draws: Sequence[Draw]) -> str:
    counts = Counter(map(_told, draws))  # in their order
    told = [text if count == 1 else f"{count} times {text}" for text, count in counts.items()]
    shown = "; ".join(told[:SHOWN_DRAWS]) or "nothing"
    return shown + (f"; and {len(told) - SHOWN_DRAWS} more" if len(told) > SHOWN_DRAWS else "")


def _told(draw: Draw) -> str:
    """Say what a draw is, and where."""
    if draw.rate is not None:
        return f"{draw.function} of rate {draw.rate:.6g}, a mask of {draw.shape}, {draw.place}"
    return f"{draw.base or 'other'} numbers by {draw.function}, {draw.shape}, {draw.place}"


def _compare(torch: SideDraws, keras: SideDraws, pairs: Sequence[Matched]) -> RungResult:
    """Compare outputs in training mode; name the first layer that differs."""
    result = compare_forward(torch.trace, keras.trace)
    if result.passed:
        layers = len(list(matched_layers(torch.trace, keras.trace)))
        detail = f"{len(pairs)} draws in a step; outputs and {layers} named layers in training mode compared"
        return RungResult(RUNG, True, detail, result.difference, limit=result.limit)
    said = f"on the same numbers in training mode, {result.detail}"
    own = [pair for pair in pairs if _within(result.where, pair)]
    if own and result.layer_inputs_agree:
        return _failure(
            f"{said}; Keras: {_told(own[0].keras)}; torch: {_told(own[0].torch)}", own[0].keras, result.difference
        )
    if result.place is FailurePlace.LAYER and result.layer_inputs_agree:
        return RungResult(
            RUNG, False, f"{said}; it draws nothing", result.difference, None, result.limit, result.place, result.where
        )
    return _failure(
        f"{said}; Keras draws {_list(keras.draws)}; torch draws {_list(torch.draws)}", pairs[0].keras, result.difference
    )


def _within(path: str, pair: Matched) -> bool:
    """Tell whether a layer makes one of the draws, itself or inside."""
    return bool(path) and any(draw.layer == path or draw.layer.startswith(f"{path}.") for draw in pair[:2])


def rates_at(path: str, torch: SideDraws, keras: SideDraws) -> tuple[float, float]:
    """Return torch's and Keras' rate of the draw at a place; 0 for a side that drops nothing there."""
    pairs = match(torch, keras)
    if pairs is not None:
        for pair in pairs:
            if path in (pair.keras.layer, pair.keras.after):
                return pair.torch.rate or 0.0, pair.keras.rate or 0.0
    torch_rate, keras_rate = (
        next((draw.rate for draw in side.draws if draw.layer == path and draw.rate is not None), 0.0)
        for side in (torch, keras)
    )
    return torch_rate, keras_rate
