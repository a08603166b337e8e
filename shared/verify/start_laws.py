"""By which law a weight was drawn."""

from collections.abc import Callable, Mapping
from math import log10, sqrt

import numpy as np

from twotrack.shared.spec.initialisers import (
    TRUNCATED,
    Blocks,
    Distribution,
    Filled,
    Initialiser,
    OrthogonalStart,
    Scaled,
    Spread,
    draw,
    fans,
)
from twotrack.shared.verify.drawn_weights import Start, start_of

NEAR = 0.05
"""Relative: how well the size of a sample has to fit a rule for the rule to be named; 3 / sqrt(numbers) of few."""
UNIFORM, NORMAL = 2.1, 2.6
"""Fourth moments over squared variances: below the first, and from the second on; those of the distributions are 1.8
and 3, and 2.4 of the sum of two uniform numbers and of a normal distribution cut off at two deviations."""
CUT = 2.5
"""Deviations beyond which a cut normal distribution has nothing (2.27), and one of 200 numbers that is not cut has."""
Law = Callable[[Distribution], Scaled | Spread]

RULES: Mapping[str, Law] = {
    "Glorot (variance 2 / (fan_in + fan_out))": lambda kind: Scaled(1.0, "average", kind),
    "He (variance 2 / fan_in)": lambda kind: Scaled(2.0, "in", kind),
    "LeCun (variance 1 / fan_in)": lambda kind: Scaled(1.0, "in", kind),
    "kaiming_uniform(a=sqrt(5)) (variance 1 / (3 fan_in))": lambda kind: Scaled(1 / 3, "in", kind),
    "He of the outputs (variance 2 / fan_out)": lambda kind: Scaled(2.0, "out", kind),
    "LeCun of the outputs (variance 1 / fan_out)": lambda kind: Scaled(1.0, "out", kind),
    "variance 1 / (3 fan_out)": lambda kind: Scaled(1 / 3, "out", kind),
    "a standard normal": lambda kind: Spread(1.0, kind),
    "RandomUniform(0.05)": lambda kind: Spread(0.05 / sqrt(3), kind),
    "a deviation of 0.05": lambda kind: Spread(0.05, kind),
    "a deviation of 0.05 before the cut": lambda kind: Spread(0.05 * TRUNCATED, kind),
    "a deviation of 0.02": lambda kind: Spread(0.02, kind),
}
"""Laws that people draw by; the first of those that fit as well is named."""


def described(start: Start) -> str:
    """Say what a weight was drawn as: filled, an orthogonal matrix, or by which rule, with its numbers."""
    if start.runs:
        return _filled(start)
    if start.is_orthogonal:
        parts = f", each of {start.blocks} gates by itself" if start.blocks > 1 else ""
        gain = "" if abs(start.gain - 1) < 1e-3 else f", times {start.gain:.3g}"
        return f"orthogonal{parts}{gain}"
    sizes = f"standard deviation {start.sample.std():.3g}, largest {np.abs(start.sample).max():.3g}"
    rule = rule_of(start)
    return f"{_WORDS[shape_of(start)]}{f', as {rule}' if rule else ''} ({sizes})"


def _filled(start: Start) -> str:
    values = [value for value, _ in start.runs]
    if len(values) == 1:
        return f"at {values[0]:g}"
    blocks = _blocks(start)
    if blocks and len(set(blocks)) == 2 and blocks.count(max(blocks)) == 1:
        return f"at {min(blocks):g}, and at {max(blocks):g} for gate {blocks.index(max(blocks)) + 1} of {len(blocks)}"
    return f"at {', '.join(f'{value:g}' for value in values)} in turn"


def _blocks(start: Start) -> tuple[float, ...]:
    """Return the numbers of blocks of equal size of a weight with one axis, as few as there can be; none for others."""
    if len(start.shape) != 1 or not start.runs:
        return ()
    flat = np.concatenate([np.full(length, value) for value, length in start.runs])
    for count in range(len(start.runs), min(flat.size, 8) + 1):
        if flat.size % count == 0 and (parts := flat.reshape(count, -1)).std(axis=1).max() == 0:
            return tuple(parts[:, 0].tolist())
    return ()


_WORDS: Mapping[Distribution | None, str] = {
    "uniform": "uniform", "normal": "normal", "truncated": "truncated normal", None: "drawn"
}  # fmt: skip


def shape_of(start: Start) -> Distribution | None:
    """Name the distribution by its tails: the largest over the standard deviation, and the fourth moment."""
    sample = start.sample
    deviation = float(sample.std())
    if not deviation:
        return None
    kurtosis = float((((sample - sample.mean()) / deviation) ** 4).mean())
    largest = float(np.abs(sample).max() / deviation)
    if kurtosis < UNIFORM:
        return "uniform"
    if largest < CUT and start.drawn > 200 and kurtosis < 2.75:
        return "truncated"
    return "normal" if kurtosis >= NORMAL else None


def _deviation(start: Start) -> float:
    """Return the standard deviation, of a uniform distribution by its end, which few numbers tell well."""
    if shape_of(start) == "uniform":
        return float(np.abs(start.sample).max()) * (1 + 1 / start.drawn) / sqrt(3)
    return float(start.sample.std())


def rule_of(start: Start) -> str:
    """Name the rule whose standard deviation the sample has; a bias has no fans of its own."""
    found = _rules(start)
    best = min(found, key=found.__getitem__, default="")
    return best if best and found[best] < max(NEAR, 3 / sqrt(start.drawn)) else ""


def _rules(start: Start) -> dict[str, float]:
    """Return by how much each rule misses the sample, relatively; none for what has no fans."""
    kind, own = shape_of(start), _deviation(start)
    if len(start.shape) < 2 or kind is None or not own:
        return {}
    wanted = {rule: law(kind) for rule, law in RULES.items()}
    sizes = {rule: _size(law, start.shape) for rule, law in wanted.items()}
    return {rule: round(abs(own / size - 1), 3) for rule, size in sizes.items()}


def _size(law: Scaled | Spread, shape: tuple[int, ...]) -> float:
    return law.deviation(fans(shape)) if isinstance(law, Scaled) else law.deviation


def law_of(start: Start) -> Initialiser | None:
    """Return the law that a weight was drawn by, one of RULES if one fits; None if it is of no kind that is known."""
    if start.runs:
        blocks = _blocks(start)
        return Filled(start.runs[0][0]) if len(start.runs) == 1 else Blocks(blocks) if blocks else None
    if start.is_orthogonal:
        return OrthogonalStart(_rounded(start.gain), start.blocks)
    kind = shape_of(start)
    if kind is None:
        return None
    rule = rule_of(start)
    return RULES[rule](kind) if rule else Spread(_rounded(_deviation(start)), kind)


def _rounded(number: float, digits: int = 3) -> float:
    """Return a number with so many digits, as a line of code has it."""
    return round(number, digits - 1 - int(np.floor(log10(abs(number))))) if number else 0.0


def drawn_by(law: Initialiser, like: Start) -> Start:
    """Return what a weight is drawn as by a law, in as many numbers as another start."""
    generator, size = np.random.default_rng(0), max(1, int(np.prod(like.shape)))
    return start_of(
        *[draw(law, generator, like.shape) for _ in range(max(1, -(-like.drawn // size)))], claimed=like.claimed
    )
