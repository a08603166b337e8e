"""The rung dropout: kind, rate, mask and place of every draw, and what both sides make of the same numbers.

The rungs gradients and training go on with these numbers, dropout on.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isclose

import numpy as np

from twotrack.shared.base.tolerances import ENLARGED_AT_MOST, SAME_HYPERPARAMETER, STATED_ROUNDING, TOLERANCES
from twotrack.shared.spec.draws import Draw
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import draws
from twotrack.shared.verify.distribution import FALSE_ALARM, SAMPLES, Samples
from twotrack.shared.verify.draws import DROPOUT, Matched, SideDraws, beyond_control, match
from twotrack.shared.verify.enlarged import Enlarged
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.rungs.forward import compare_forward, matched_layers
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.side import ObservedSide

SHOWN_DRAWS = 3
"""Of one side, in a message."""


class DropoutRung(ProbeRung[SideDraws]):
    """Records draws, and gives both sides the same numbers for them."""

    name = DROPOUT
    evidence = SideDraws

    def observe(self, side: ObservedSide) -> SideDraws:
        """Record the draws of a forward pass in training mode."""
        return draws.observe(side.model, side.exercise.inputs(), side.source, side.keep_call)

    def check(self, torch: Observation, keras: Observation) -> RungResult:
        """Compare two sides: by outputs that were sampled where one is random beyond control."""
        if torch.samples and keras.samples and beyond_control(torch.draws, keras.draws):
            files = (torch.samples, keras.samples)
            samples = Samples(*(np.load(file, allow_pickle=False) for file in files))
            return compare_distributions(torch.draws, keras.draws, samples)
        return compare_draws(torch.draws, keras.draws, torch.enlarged)

    def compare(self, torch: Mapping[Precision, SideDraws], keras: Mapping[Precision, SideDraws]) -> RungResult:
        """Compare what both sides draw, and what they make of the same numbers."""
        return compare_draws(torch["float64"], keras["float64"])


def compare_in_training(torch: SideDraws, keras: SideDraws, enlarged: Enlarged | None = None) -> RungResult:
    """Compare outputs in training mode on the same numbers, as the rung forward does in inference mode.

    What differs is in doubt until it is known how far rounding is enlarged.
    """
    result = compare_forward(torch.trace, keras.trace, rounding=enlarged)
    return replace(result, in_doubt=may_be_rounding(result, enlarged))


def may_be_rounding(result: RungResult, enlarged: Enlarged | None) -> bool:
    """Tell whether a failure may be rounding, of which it is not known yet how far it is enlarged."""
    is_small = result.difference is not None and result.difference <= ENLARGED_AT_MOST
    return not result.passed and enlarged is None and is_small


def with_exception(result: RungResult, enlarged: Enlarged | None) -> RungResult:
    """State as an exception of a pass that it allowed for so much rounding that something could hide in it."""
    if not result.passed or enlarged is None or enlarged.most <= STATED_ROUNDING:
        return result
    detail = f"the network enlarges rounding: values of a training step are compared to {enlarged.most:.0e} at worst"
    return replace(result, gaps=(*result.gaps, Gap(GapKind.ROUNDING, result.rung, detail)))


def compare_draws(torch: SideDraws, keras: SideDraws, enlarged: Enlarged | None = None) -> RungResult:
    """Compare what both sides draw in training, and what they make of the same numbers."""
    if not (torch.draws or keras.draws):
        return RungResult(DROPOUT, True, "nothing is drawn in training")
    pairs = match(torch, keras)
    if pairs is None:
        return _unmatched(torch.draws, keras.draws)
    result = _odd(torch, keras, pairs) or _compare(torch, keras, pairs, compare_in_training(torch, keras, enlarged))
    return with_exception(result, enlarged)


def drawn_alike(torch: SideDraws, keras: SideDraws) -> bool:
    """Tell whether both sides draw the same, whatever they make of it."""
    pairs = match(torch, keras)
    return pairs is not None and _odd(torch, keras, pairs) is None


def _odd(torch: SideDraws, keras: SideDraws, pairs: Sequence[Matched]) -> RungResult | None:
    """Return the failure of the first pair that does not draw alike; None if all do."""
    for pair in pairs:
        if _rates_differ(pair):
            detail = f"Keras: {_told(pair.keras)}; torch: {_told(pair.torch)}"
            return _failure(f"the rates differ: {detail}", pair.keras)
        again = [side.again.get(draw.number, "") for side, draw in ((keras, pair.keras), (torch, pair.torch))]
        if bool(again[0]) != bool(again[1]):
            side, draw = ("Keras", pair.keras) if again[0] else ("torch", pair.torch)
            return _failure(f"{side} draws {again[0] or again[1]}, as from one seed: {_told(draw)}", pair.keras)
    return None


def compare_distributions(torch: SideDraws, keras: SideDraws, samples: Samples) -> RungResult:
    """Compare outputs in training mode where numbers cannot be given."""
    why, p = beyond_control(torch, keras), samples.smallest_p()
    tested = f"{SAMPLES:,} outputs of either side in training mode, smallest p-value {p:.1g}"
    if p < FALSE_ALARM:
        first = next((draw for draw in [*torch.draws, *keras.draws] if not draw.controlled), None)
        where = first.layer or first.after if first else ""
        detail = f"{why}; its distribution is another than the other side's: {tested}"
        return RungResult(DROPOUT, False, detail, place=FailurePlace.DROPOUT, where=where)
    gap = Gap(GapKind.RANDOM, "training mode", f"{why}; compared in distribution only")
    return RungResult(DROPOUT, True, f"{why}; one distribution: {tested}", counts={"samples": SAMPLES}, gaps=(gap,))


Check = Callable[[Observation, Observation], RungResult]


def unless_random(rung: str, check: Check) -> Check:
    """Return the check of a rung that compares nothing where a side is random beyond control."""

    def checked(torch: Observation, keras: Observation) -> RungResult:
        why = beyond_control(torch.draws, keras.draws)
        if not why:
            return check(torch, keras)
        return RungResult(rung, True, f"not compared: {why}", gaps=(Gap(GapKind.RANDOM, rung, f"not compared: {why}"),))

    return checked


def explained(check: Check) -> Check:
    """Return a check that adds to a failure in inference mode that one side draws there, if it does."""

    def checked(torch: Observation, keras: Observation) -> RungResult:
        result = check(torch, keras)
        drawn = torch.draws.inference, keras.draws.inference
        if result.passed or len(drawn[0]) == len(drawn[1]):
            return result
        told = f"in inference mode Keras draws {_list(drawn[1])}; torch draws {_list(drawn[0])}"
        return replace(result, detail=f"{result.detail}; {told}")

    return checked


def _rates_differ(pair: Matched) -> bool:
    torch, keras = pair.torch.rate, pair.keras.rate
    return torch is not None and keras is not None and not isclose(torch, keras, rel_tol=SAME_HYPERPARAMETER)


def _failure(detail: str, draw: Draw, difference: float | None = None) -> RungResult:
    limit = None if difference is None else TOLERANCES["forward"].limit
    return RungResult(
        DROPOUT, False, detail, difference, limit=limit, place=FailurePlace.DROPOUT, where=draw.layer or draw.after
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


def _compare(torch: SideDraws, keras: SideDraws, pairs: Sequence[Matched], result: RungResult) -> RungResult:
    """Say what came of outputs in training mode; name the first layer that differs."""
    if result.in_doubt:
        return replace(result, rung=DROPOUT)
    if result.passed:
        layers = len(list(matched_layers(torch.trace, keras.trace)))
        detail = f"{len(pairs)} draws in a step; outputs and {layers} named layers in training mode compared"
        counts = {"draws in a step": len(pairs)}
        return RungResult(DROPOUT, True, detail, result.difference, limit=result.limit, counts=counts)
    said = f"on the same numbers in training mode, {result.detail}"
    own = [pair for pair in pairs if _within(result.where, pair)]
    if own and result.layer_inputs_agree:
        return _failure(
            f"{said}; Keras: {_told(own[0].keras)}; torch: {_told(own[0].torch)}", own[0].keras, result.difference
        )
    if result.place is FailurePlace.LAYER and result.layer_inputs_agree:  # at fault itself, and no matter of dropout
        detail = f"{len(pairs)} draws in a step, of the same kind, rate and mask; {said}; it draws nothing"
        return RungResult(DROPOUT, True, detail)
    return _failure(
        f"{said}; Keras draws {_list(keras.draws)}; torch draws {_list(torch.draws)}", pairs[0].keras, result.difference
    )


def _within(path: str, pair: Matched) -> bool:
    """Tell whether a layer makes one of the draws, itself or inside."""
    return bool(path) and any(draw.layer == path or draw.layer.startswith(f"{path}.") for draw in pair[:2])
