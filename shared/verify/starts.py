"""What the frameworks draw as initial weights, compared by distribution: said with numbers, and no failure.

A ladder gives both sides the same weights, so two models are the same whatever they start from. Two trainings are not.
"""

from collections.abc import Callable, Mapping
from math import isclose, prod, sqrt

import numpy as np

from twotrack.shared.verify.drawn_weights import Start
from twotrack.shared.verify.result import in_short

UNLIKELY = 1e-6
"""Probability under one distribution from which on two samples are of two: a model has hundreds of weights."""
FEWEST = 20
"""Numbers with which a distribution can be told from another."""
NEAR = 0.15
"""Relative: how well the size of a sample has to fit a rule for the rule to be named."""
EQUAL = 1e-6
UNIFORM, NORMAL = 2.1, 2.6
"""Fourth moments over squared variances: below the first, and from the second on; those of the distributions are 1.8
and 3, and 2.4 of the sum of two uniform numbers."""


def differences(torch: Mapping[str, Start], keras: Mapping[str, Start]) -> tuple[str, ...]:
    """Return one sentence on all weights that start differently; none if none do."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, own in keras.items():
        other = torch.get(name)
        if other is not None and not same_distribution(own, other):
            rules = tuple(_without_numbers(described(name, start)) for start in (own, other))
            found.setdefault(rules, []).append(name)  # type: ignore[arg-type]
    told = [
        f"{in_short(map(repr, names))} {_starts(names)} {described(names[0], keras[names[0]])} in Keras and "
        f"{described(names[0], torch[names[0]])} in torch"
        for names in found.values()
    ]
    return (f"initial weights, which are no part of the model, differ: {'; '.join(told)}; {_ALIGN}",) if told else ()


_ALIGN = (
    "both sides got the same ones here, and trainings start alike with one side's weights in the other "
    "(twotrack convert), or with kernel_initializer=... and torch.nn.init"
)


def _without_numbers(text: str) -> str:
    """Return a description without the deviation and the largest number, which differ from weight to weight."""
    return text.partition(" (standard deviation")[0]


def _starts(names: list[str]) -> str:
    return "starts" if len(names) == 1 else "start"


def same_distribution(one: Start, other: Start) -> bool:
    """Return whether two samples may be of one distribution, in the same structure.

    Levene's test tells scales apart in small samples, Kolmogorov and Smirnov's everything else in large ones.
    """
    constant, constant_too = _constant(one), _constant(other)
    if constant is not None and constant_too is not None:
        return isclose(constant, constant_too, rel_tol=EQUAL)
    if constant is not None or constant_too is not None or one.orthogonal != other.orthogonal:
        return False
    if one.orthogonal or min(one.sample.size, other.sample.size) < FEWEST:
        return True
    from scipy.stats import ks_2samp, levene

    return all(test(one.sample, other.sample).pvalue > UNLIKELY for test in (levene, ks_2samp))


def _constant(start: Start) -> float | None:
    low, high = start.sample[[0, -1]]
    return float(low) if low == high else None


def described(name: str, start: Start) -> str:
    """Say what a weight was drawn as: a constant, an orthogonal matrix, or by which rule, with its numbers."""
    constant = _constant(start)
    if constant is not None:
        return f"at {constant:g}"
    values = np.unique(start.sample)
    if len(values) == 2 and np.isclose(values, [0, 1]).all():
        return "at 0, and at 1 for one gate"
    if start.orthogonal:
        return "orthogonal"
    shape = _shape(start.sample)
    sizes = f"standard deviation {start.sample.std():.3g}, largest {np.abs(start.sample).max():.3g}"
    return f"{_rule(name, start, shape)} ({sizes})"


def _shape(sample: np.ndarray) -> str:
    """Name the distribution by its tails: the largest over the standard deviation, and the fourth moment."""
    kurtosis = float(((sample - sample.mean()) ** 4).mean() / sample.var() ** 2)
    largest = float(np.abs(sample).max() / sample.std())
    if kurtosis < UNIFORM:
        return "uniform"
    if kurtosis < NORMAL:
        return "drawn"
    return "truncated normal" if largest < 2.35 and sample.size > 200 else "normal"


def _rule(name: str, start: Start, shape: str) -> str:
    """Name the rule whose standard deviation the sample has; a bias has no fans of its own."""
    deviation = float(start.sample.std())
    fitting = {rule: of(*_fans(start.shape)) for rule, of in RULES.items()} if len(start.shape) > 1 else {}
    near = {rule: abs(deviation / wanted - 1) for rule, wanted in fitting.items()}
    best = min(near, key=near.__getitem__, default="")
    return f"{shape}, as {best}" if best and near[best] < max(NEAR / 3, 3 / sqrt(start.sample.size)) else shape


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return inputs and outputs of a canonical kernel (..., inputs, outputs); the axes before are a window."""
    window = prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


RULES: Mapping[str, Callable[[float, float], float]] = {
    "Glorot (variance 2 / (fan_in + fan_out))": lambda inputs, outputs: sqrt(2 / (inputs + outputs)),
    "He (variance 2 / fan_in)": lambda inputs, outputs: sqrt(2 / inputs),
    "LeCun (variance 1 / fan_in)": lambda inputs, outputs: sqrt(1 / inputs),
    "kaiming_uniform(a=sqrt(5)) (variance 1 / (3 fan_in))": lambda inputs, outputs: sqrt(1 / (3 * inputs)),
    "a standard normal": lambda inputs, outputs: 1.0,
    "RandomUniform(0.05)": lambda inputs, outputs: 0.05 / sqrt(3),
    "a deviation of 0.02": lambda inputs, outputs: 0.02,
}
"""Standard deviations from fan_in and fan_out: a gain of 1 but for He's, of sqrt(2)."""
