"""In what two sequences of learning rates differ, in words."""

from collections.abc import Sequence
from itertools import pairwise
from math import acos, cos, isclose, log, pi

SAME = 1e-9
"""Relative, between rates that are one."""
LONGEST = 200
"""Steps of one epoch that are thought of."""

Rates = float | Sequence[float]
Told = tuple[str, str, str]
"""What differs, the line for torch and the line for Keras."""


def rates_text(keras: Rates, torch: Rates, place: str = "") -> Told:
    """Say how Keras' learning rates differ from torch's; `place` says of which weights, if not of all."""
    if place and torch == 0.0:
        return _left_out(place)
    if isinstance(keras, float) and isinstance(torch, float):
        factor = f", {keras / torch:.6g} times as much in Keras" if torch else ""
        what = f"the learning rate{place} is {keras:g} in Keras and {torch:g} in torch{factor}"
        return what, f"lr={keras:g} in torch's optimizer{place}", f"learning_rate={torch:g} in Keras' optimizer{place}"
    own, other = _listed(keras, torch), _listed(torch, keras)
    told = _shifted(own, other) or _constant_factor(own, other) or _stretched(own, other)
    what = told or f"the learning rates follow other schedules: Keras {described(own)}, torch {described(other)}"
    what += f" (the rate{place})" if place else ""
    return what, f"a schedule by which torch {described(own)}", f"a schedule by which Keras {described(other)}"


def _left_out(place: str) -> Told:
    """Say that torch's optimizer does not move some weights, which it was not given, or given with a rate of 0."""
    what = f"torch's optimizer does not update the weights{place}: it is given others only, or a rate of 0 for them"
    return what, "an optimizer over model.parameters()", f"trainable=False in Keras{place}"


def _listed(rates: Rates, like: Rates) -> Sequence[float]:
    if isinstance(rates, float):
        return [rates] * (len(like) if not isinstance(like, float) else 1)
    return rates


def _same(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(first) > 0 and all(
        isclose(a, b, rel_tol=SAME, abs_tol=1e-300) for a, b in zip(first, second, strict=False)
    )


def _constant_factor(keras: Sequence[float], torch: Sequence[float]) -> str:
    pairs = [(a, b) for a, b in zip(keras, torch, strict=False) if a or b]
    if not pairs or not pairs[0][1]:
        return ""
    factor = pairs[0][0] / pairs[0][1]
    if not _same([a for a, _ in pairs], [factor * b for _, b in pairs]):
        return ""
    return f"the learning rate is {factor:.6g} times as large in Keras at every step ({keras[0]:g} and {torch[0]:g})"


def _shifted(keras: Sequence[float], torch: Sequence[float]) -> str:
    """Look for one schedule that begins a few steps later on one side."""
    for first, second, name in ((keras, torch, "torch"), (torch, keras, "Keras")):
        for by in (1, 2):
            if len(set(first)) > 2 and _same(first[by:], second):
                steps = "one step" if by == 1 else f"{by} steps"
                return f"both have one schedule, and {name} is {steps} ahead of the other side"
    return ""


def _stretched(keras: Sequence[float], torch: Sequence[float]) -> str:
    """Look for one schedule that goes on at every step on one side and after several on the other."""
    for slow, quick, names in ((keras, torch, ("Keras", "torch")), (torch, keras, ("torch", "Keras"))):
        every = _run_length(slow)
        if every > 1 and _same(slow[::every], quick):
            slower = f"goes on every {every} steps in {names[0]}, at every step in {names[1]}"
            return f"both have one schedule, which {slower}"
    return ""


def _run_length(rates: Sequence[float]) -> int:
    """Return after how many steps the rate changes first."""
    first = next((n for n, rate in enumerate(rates) if not isclose(rate, rates[0], rel_tol=SAME)), 0)
    return first if first <= LONGEST else 0


def described(rates: Sequence[float]) -> str:
    """Say what a sequence of rates does."""
    if _same(rates, [rates[0]] * len(rates)):
        return f"keeps {rates[0]:.6g}"
    ratios = [b / a for a, b in pairwise(rates) if a]
    if ratios and _same(ratios[:50], [ratios[0]] * 50):
        return f"begins at {rates[0]:.6g} and multiplies by {ratios[0]:.6g} at every step{_over(ratios[0])}"
    every = _run_length(rates)
    stairs = rates[::every] if every > 1 else []
    ratios = [b / a for a, b in pairwise(stairs) if a]
    if ratios and _same(ratios[:10], [ratios[0]] * 10):
        return f"begins at {rates[0]:.6g} and multiplies by {ratios[0]:.6g} every {every} steps"
    if law := _by_time(rates) or _half_cosine(rates) or _turn(rates):
        return law
    steps = [a - b for a, b in pairwise(rates)][:5]
    if len(steps) == 5 and _same(steps, [steps[0]] * 5) and steps[0]:
        return f"begins at {rates[0]:.6g} and falls by {steps[0]:.6g} at every step"
    return _falls(rates) or f"has {', '.join(f'{rate:.6g}' for rate in rates[:4])}, ..."


def _by_time(rates: Sequence[float]) -> str:
    """Name a rate that is divided by a number that grows evenly, as Keras' InverseTimeDecay divides it."""
    if len(rates) < 4 or not all(rates):
        return ""
    shares = [rates[0] / rate - 1 for rate in rates]
    if not shares[1] or not _same(shares[1:], [shares[1] * step for step in range(1, len(shares))]):
        return ""
    return f"begins at {rates[0]:.6g} and divides that by 1 + {shares[1]:.6g} t behind step t"


def _half_cosine(rates: Sequence[float]) -> str:
    """Name a rate that falls along half a cosine: solved for from the first four rates."""
    if len(rates) < 6:
        return ""
    a, b, c, d = rates[:4]
    # about its middle m, r(t + 1) + r(t - 1) = 2 cos(w) r(t) + 2 m (1 - cos(w))
    if b == c or not -1 < (turn := (b + d - a - c) / (2 * (c - b))) < 1:
        return ""
    width = acos(turn)
    middle, steps = (a + c - 2 * turn * b) / (2 * (1 - turn)), round(pi / width)
    law = [middle + (a - middle) * cos(width * step) for step in range(min(steps + 1, len(rates)))]
    if not all(isclose(own, told, abs_tol=1e-7 * a) for own, told in zip(rates, law, strict=False)):
        return ""
    floor = float(f"{2 * middle - a:.4g}") if abs(2 * middle - a) > 1e-6 * a else 0.0
    return f"falls from {a:.6g} to {floor:g} along half a cosine of {steps} steps"


def _falls(rates: Sequence[float]) -> str:
    """Say at which steps rates that seldom change do so."""
    at = [n for n, (a, b) in enumerate(pairwise(rates), start=1) if not isclose(a, b, rel_tol=SAME)]
    if not at or len(at) > len(rates) / 2:
        return ""
    told = ", ".join(f"is {rates[n]:.6g} from step {n + 1} on" for n in at[:3])
    return f"begins at {rates[0]:.6g}, {told}{', ...' * (len(at) > 3)}"


def _turn(rates: Sequence[float]) -> str:
    """Say where rates that rise from their first one on turn, and where falling ones rise again."""
    rises = [b > a * (1 + SAME) for a, b in pairwise(rates)]
    if rises and rises[0]:
        peak = rises.index(False) if False in rises else len(rises)
        return f"begins at {rates[0]:.6g} and rises to {rates[peak]:.6g} at step {peak + 1}"
    if True in rises:
        step = rises.index(True)
        return f"begins at {rates[0]:.6g}, falls to {rates[step]:.6g} at step {step + 1} and rises again"
    if rates[-1] == 0 or _same(rates[len(rates) // 2 :], [rates[-1]] * len(rates)):
        step = next(n for n, rate in enumerate(rates) if isclose(rate, rates[-1], rel_tol=SAME, abs_tol=1e-300))
        told = f"begins at {rates[0]:.6g}, falls to {rates[-1]:.6g} at step {step + 1} and stays there"
        return told + _by_power(rates[: step + 1])
    return ""


def _by_power(rates: Sequence[float]) -> str:
    """Say by which power of the steps that are left rates fall to the last of them."""
    steps, whole = len(rates) - 1, rates[0] - rates[-1]
    if steps < 3 or not whole or not 0 < (share := (rates[1] - rates[-1]) / whole) < 1:
        return ""
    power = log(share) / log(1 - 1 / steps)
    law = [rates[-1] + whole * (1 - step / steps) ** power for step in range(steps)]
    fits = all(isclose(own, told, abs_tol=1e-7 * abs(whole)) for own, told in zip(rates, law, strict=False))
    return f", by the power {power:.4g} of the steps that are left" if fits else ""


def _over(ratio: float) -> str:
    """Say over how many steps a round factor is reached, where it is not reached in one."""
    if isclose(ratio, round(ratio, 3), rel_tol=SAME):
        return ""
    for steps in range(2, 1001):
        whole = ratio**steps
        for factor in (0.5, 0.1, 0.9, 0.95, 0.96, 0.99, 0.2, 0.25, 0.3, 0.7, 0.8):
            if isclose(whole, factor, rel_tol=1e-9):
                return f", by {factor:g} over {steps} steps"
    return ""
