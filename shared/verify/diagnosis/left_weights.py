"""Which weights a training leaves at its end: those of a step, a mean of some, or a moving average."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from twotrack.shared.verify.diagnosis.loss_fits import rounded
from twotrack.shared.verify.rungs.training import step_differences

SAME = 1e-10
"""Difference of what is left from what it is made of."""
Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Left:
    """What is left, in words, and what share the weights of the start and those behind each step have of it."""

    told: str
    shares: tuple[float, ...]


def left(states: Sequence[Weights], found: Weights) -> Left | None:
    """Return what is left of the weights of the start and those behind each step; None for nothing that has a name."""
    return next((one for one in _named(states, found) if _is(_made(states, one.shares), found)), None)


def _named(states: Sequence[Weights], found: Weights) -> Iterator[Left]:
    last = len(states) - 1
    yield Left("the weights of the last step", _only(last, last))
    yield from (Left(f"the weights of step {step}", _only(step, last)) for step in reversed(range(1, last)))
    yield Left("the weights of the start", _only(0, last))
    yield from _means(last)
    yield from _moving(states, found)


def _only(step: int, last: int) -> tuple[float, ...]:
    return tuple(float(number == step) for number in range(last + 1))


def _means(last: int) -> Iterator[Left]:
    """Yield means of at least two steps."""
    for every in range(1, last):
        for start in range(1, last - every + 1):
            chosen = range(start, last + 1, every)
            shares = tuple((number in chosen) / len(chosen) for number in range(last + 1))
            behind = f"every {every} steps" if every > 1 else "every step"
            yield Left(f"the mean of the weights behind {behind} from step {start} on", shares)


def _moving(states: Sequence[Weights], found: Weights) -> Iterator[Left]:
    """Yield moving averages, by what they keep of themselves: solved for from the number that moved most."""
    last = len(states) - 1
    name, place = _most_moved(states)
    values = np.array([one[name][place] for one in states])
    for start in range(last):
        # begun with the weights of `start`: d^(last - start) w_start + (1 - d) sum of d^(last - n) w_n
        powers = [Polynomial([0.0] * n + [1.0]) for n in range(last - start + 1)]
        terms = [values[last - n] * (powers[n] - powers[n + 1]) for n in range(last - start)]
        whole = sum(terms, values[start] * powers[-1] - found[name][place])
        for root in whole.roots():
            if abs(root.imag) < 1e-6 and 1e-3 < root.real < 1 - 1e-6:
                kept = rounded(float(f"{root.real:.5g}"))
                begun = f"those of step {start}" if start else "those of the start"
                told = f"a moving average of the weights (momentum {kept:g}) that begins with {begun}"
                yield Left(told, _shares_of_moving(kept, start, last))


def _shares_of_moving(kept: float, start: int, last: int) -> tuple[float, ...]:
    own = [(1 - kept) * kept ** (last - number) for number in range(start + 1, last + 1)]
    return (*(0.0,) * start, kept ** (last - start), *own)


def _most_moved(states: Sequence[Weights]) -> tuple[str, tuple[int, ...]]:
    moved = {name: np.abs(states[-1][name] - one) for name, one in states[0].items() if one.size}
    name = max(moved, key=lambda one: float(moved[one].max()))
    return name, tuple(map(int, np.unravel_index(int(np.argmax(moved[name])), moved[name].shape)))


def _made(states: Sequence[Weights], shares: Sequence[float]) -> Weights:
    return {name: np.tensordot(shares, np.stack([one[name] for one in states]), 1) for name in states[-1]}


def _is(one: Weights, other: Weights) -> bool:
    return max(step_differences(one, other).values(), default=0.0) <= SAME
