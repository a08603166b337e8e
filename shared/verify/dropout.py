"""The rung dropout: kind, rate, mask and place of every draw, and what both sides make of the same numbers.

The rungs gradients and training go on with these numbers, dropout on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import isclose
from typing import Any

from twotrack.shared.base.tolerances import SAME_HYPERPARAMETER, TOLERANCES
from twotrack.shared.spec.draws import Draw
from twotrack.shared.verify.distribution import FALSE_ALARM, SAMPLES, Samples
from twotrack.shared.verify.draws import Matched, SideDraws, match
from twotrack.shared.verify.rungs import FailurePlace, RungResult, compare_forward, matched_layers

RUNG = "dropout"
SHOWN_DRAWS = 3
"""Of one side, in a message."""


def check(torch: SideDraws, keras: SideDraws, samples: Samples | None) -> RungResult:
    """Compare what both sides draw in training, and their outputs in training mode on the same numbers.

    `samples` are outputs of either side where one is random beyond control.
    """
    if samples is not None:
        return _compare_distributions(torch, keras, samples)
    if not torch.draws and not keras.draws:
        return RungResult(RUNG, True, "nothing is drawn in training")
    pairs = match(torch, keras)
    if pairs is None:
        return _unmatched(torch.draws, keras.draws)
    for pair in pairs:
        if _rates_differ(pair):
            detail = f"Keras: {_told(pair.keras)}; torch: {_told(pair.torch)}"
            return _failure(f"the rates differ: {detail}", pair.keras)
        again = [side.again.get(draw.number, "") for side, draw in ((keras, pair.keras), (torch, pair.torch))]
        if bool(again[0]) != bool(again[1]):
            side, draw = ("Keras", pair.keras) if again[0] else ("torch", pair.torch)
            return _failure(f"{side} draws {again[0] or again[1]}, as from one seed: {_told(draw)}", pair.keras)
    return _compare(torch, keras, pairs)


def beyond_control(torch: SideDraws, keras: SideDraws) -> str:
    """Say which side is random although its draws are given; empty if neither is."""
    return "; ".join(
        f"{name} is random beyond control, {_uncontrolled(side)}: two runs of it differ by {side.apart:.1e}"
        for name, side in (("torch", torch), ("Keras", keras))
        if side.is_random
    )


def _uncontrolled(side: SideDraws) -> str:
    names = list(dict.fromkeys(f"{draw.function} {draw.place}" for draw in side.draws if not draw.controlled))
    return f"by {', '.join(names)}" if names else "by a draw that is none of the framework's"


def _compare_distributions(torch: SideDraws, keras: SideDraws, samples: Samples) -> RungResult:
    """Compare outputs in training mode where numbers cannot be given."""
    why, p = beyond_control(torch, keras), samples.smallest_p()
    tested = f"{SAMPLES:,} outputs of either side in training mode, smallest p-value {p:.1g}"
    if p < FALSE_ALARM:
        first = next((draw for draw in [*torch.draws, *keras.draws] if not draw.controlled), None)
        where = first.layer or first.after if first else ""
        detail = f"{why}; its distribution is another than the other side's: {tested}"
        return RungResult(RUNG, False, detail, place=FailurePlace.DROPOUT, where=where)
    return RungResult(
        RUNG, True, f"{why}; one distribution: {tested}", exception=f"{why}; compared in distribution only"
    )


def not_compared(rung: str, torch: SideDraws, keras: SideDraws) -> RungResult | None:
    """Return the result of an exact rung that cannot be climbed, because a side is random; None if none is."""
    why = beyond_control(torch, keras)
    if not why:
        return None
    return RungResult(rung, True, f"not compared: {why}", exception=f"not compared, because {why}")


def explained(forward: RungResult, torch: SideDraws, keras: SideDraws) -> RungResult:
    """Add to a failure of the rung forward that one side draws in inference mode, if it does."""
    if forward.passed or len(torch.inference) == len(keras.inference):
        return forward
    drawn = f"in inference mode Keras draws {_list(keras.inference)}; torch draws {_list(torch.inference)}"
    return replace(forward, detail=f"{forward.detail}; {drawn}")


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
    if result.place is FailurePlace.LAYER and result.layer_inputs_agree:  # at fault itself, and no matter of dropout
        detail = f"{len(pairs)} draws in a step, of the same kind, rate and mask; {said}; it draws nothing"
        return RungResult(RUNG, True, detail)
    return _failure(
        f"{said}; Keras draws {_list(keras.draws)}; torch draws {_list(torch.draws)}", pairs[0].keras, result.difference
    )


def _within(path: str, pair: Matched) -> bool:
    """Tell whether a layer makes one of the draws, itself or inside."""
    return bool(path) and any(draw.layer == path or draw.layer.startswith(f"{path}.") for draw in pair[:2])


def said_at(path: str, torch: SideDraws, keras: SideDraws) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what torch and Keras say of the draw at a place, as hyperparameters; rate 0 where a side draws nothing."""
    for pair in match(torch, keras) or []:
        if path in (pair.keras.layer, pair.keras.after):
            return _said(pair.torch), _said(pair.keras)
    return _said_alone(path, torch), _said_alone(path, keras)


def _said_alone(path: str, side: SideDraws) -> dict[str, Any]:
    if not side.draws:
        return {"kind": "Dropout", "rate": 0.0}
    return _said(next((draw for draw in side.draws if draw.layer == path), side.draws[0]))


def _said(draw: Draw) -> dict[str, Any]:
    return {"kind": draw.kind} | ({} if draw.rate is None else {"rate": draw.rate})
