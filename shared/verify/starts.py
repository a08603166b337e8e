"""What the frameworks draw as initial weights, compared by distribution.

A ladder gives both sides the same weights, so two models are the same whatever they start from. Two trainings are not:
what differs is said in a note, and fails where the pair claims that both start alike.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from math import isclose

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.verify.drawn_weights import Start
from twotrack.shared.verify.result import in_short
from twotrack.shared.verify.start_laws import described

UNLIKELY = 1e-6
"""Probability under one distribution from which on two samples are of two: a model has hundreds of weights."""
FEWEST = 20
"""Numbers with which a distribution can be told from another."""
ENOUGH, MOST_DRAWS, MOST_NUMBERS = 2000, 30, 20_000_000
"""Of weights that are claimed to start alike: numbers of each, for which a side is built so often at most, unless it
has drawn so many in all."""
BEYOND = 20
"""The largest so many numbers of two samples, all in one of them: as unlikely as UNLIKELY."""
EQUAL = 1e-6
Starts = Mapping[str, Start]


def claimed(patterns: Iterable[str], names: Iterable[str]) -> set[str]:
    """Return the weights that a pair claims to start alike; UserError for a pattern that fits none."""
    names, found = list(names), set[str]()
    for pattern in patterns:
        fitting = {name for name in names if fnmatchcase(name, pattern)}
        if not fitting:
            raise UserError(f"same_start: no weight fits '{pattern}'; there are: {', '.join(names)}.")
        found |= fitting
    return found


def broken(torch: Starts, keras: Starts) -> list[str]:
    """Return the weights that start otherwise although the pair claims that they do not."""
    return [name for name, own in keras.items() if own.claimed and not _alike(own, torch.get(name))]


def differences(torch: Starts, keras: Starts) -> tuple[str, ...]:
    """Return one sentence on all weights that start differently; none if none do."""
    told = told_apart(torch, keras, [name for name, own in keras.items() if not _alike(own, torch.get(name))])
    return (f"initial weights, which are no part of the model, differ: {told}; {_ALIGN}",) if told else ()


def told_apart(torch: Starts, keras: Starts, names: Iterable[str]) -> str:
    """Return how weights start on both sides, those together that start by the same rules."""
    return "; ".join(
        f"{in_short(map(repr, own))} {'starts' if len(own) == 1 else 'start'} {described(keras[own[0]])} in Keras and "
        f"{described(torch[own[0]])} in torch"
        for own in together(torch, keras, names)
    )


def together(torch: Starts, keras: Starts, names: Iterable[str]) -> Iterator[list[str]]:
    """Yield names in groups that start by the same rules on each side."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        rules = (_without_numbers(described(keras[name])), _without_numbers(described(torch[name])))
        found.setdefault(rules, []).append(name)
    yield from found.values()


def seen(keras: Starts) -> tuple[int, str]:
    """Return how many weights are claimed to start alike, and what there is to say of how they were compared."""
    own = [one for one in keras.values() if one.claimed]
    drawn = [one.drawn for one in own if not one.runs and not one.is_orthogonal]
    return len(own), (
        f"how weights start was compared by distribution, on at least {min(drawn):,} numbers of each"
        if drawn
        else "all weights that are to start alike are filled in, or orthogonal"
    )


_ALIGN = (
    "both sides got the same ones here, and trainings start alike with one side's weights in the other "
    "(twotrack convert), or with kernel_initializer=... and torch.nn.init; Pair(same_start=...) makes it a claim"
)


def _without_numbers(text: str) -> str:
    """Return a description without the deviation and the largest number, which differ from weight to weight."""
    return text.partition(" (standard deviation")[0]


def _alike(own: Start, other: Start | None) -> bool:
    return other is None or same_distribution(own, other)


def same_distribution(one: Start, other: Start) -> bool:
    """Return whether two samples may be of one distribution, in the same structure.

    Levene's test tells scales apart in small samples, Kolmogorov and Smirnov's everything else in large ones, and the
    largest numbers where one distribution is cut off and the other is not (Rosenbaum 1954).
    """
    if one.runs or other.runs:
        return _same_runs(one, other)
    if one.blocks != other.blocks or not isclose(one.gain, other.gain, rel_tol=1e-3):
        return False
    if one.is_orthogonal or min(one.sample.size, other.sample.size) < FEWEST:
        return True
    if _beyond(one.sample, other.sample) >= BEYOND:
        return False
    from scipy.stats import ks_2samp, levene  # takes a second, and is seldom needed where the rules differ

    return all(test(one.sample, other.sample).pvalue > UNLIKELY for test in (levene, ks_2samp))


def _same_runs(one: Start, other: Start) -> bool:
    if len(one.runs) != len(other.runs):
        return False
    pairs = zip(one.runs, other.runs, strict=True)
    return all(isclose(a, b, rel_tol=EQUAL) and length == more for (a, length), (b, more) in pairs)


def _beyond(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many sizes of the sample that goes farther lie beyond all of the other, as if both had as many."""
    sizes = np.sort(np.abs(one)), np.sort(np.abs(other))
    near, far = sorted(sizes, key=lambda own: own[-1])
    share = min(1.0, len(near) / len(far))
    return int(share * (len(far) - np.searchsorted(far, near[-1], side="right")))
