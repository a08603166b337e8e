"""What the rung `optimizer` gives to an optimizer: stand-ins of the model's weights, and gradients of every kind.

A stand-in has the name of a trained weight and its place among the others, and its shape if that is small. So an
optimizer can pick out weights by name, place, shape or number of axes, as it does in training.

A difference of two optimizers shows only where gradients reach it: a clipping norm on a large one, an epsilon on a
small one, AMSGrad after a peak, moving averages and schedules after many steps. So each element of a stand-in gets
gradients of one kind over all steps, and each stand-in has elements of all kinds, as far as it has so many.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import prod
from zlib import crc32

import numpy as np

from twotrack.shared.spec.probe import OptimizerStart

Shape = tuple[int, ...]

CHECKPOINTS = (1, 2, 3, 5, 10, 25, 50, 100, 101, 200, 500, 1000, 2000)
"""Steps after which parameters are compared."""
STEPS = CHECKPOINTS[-1]
FAR, FAR_CHECKPOINTS = 1e3, (1, 2, 5, 10, 20)
"""How much larger weights are in a second, shorter run, and its checkpoints: some penalties act on such only."""
CALM = 1e-8
"""Times the gradients of a third run, if there is one: none is above 1e-2 then."""
MOST_STAND_INS, MOST_VALUES = 12, 2048
"""Of them in all."""
LARGEST, LONGEST_AXIS = 1536, 4
"""A weight with more values, or for which no room is left, has a stand-in with no axis longer than this."""
SPARSE, SPARSE_SHARE = "embeddings", 0.3
"""The parameter whose rows have a gradient in a share of the steps only; the last row has none."""
SILENT_EVERY = 50
"""One step in so many has no gradient at all."""


def choose(trained: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the canonical shapes of the stand-ins, by name, of weights of every kind.

    Names and shapes are all that counts, so that both sides choose alike.
    """
    chosen: dict[str, Shape] = {}
    for name in _by_kind(trained):
        if len(chosen) == MOST_STAND_INS:
            break
        shape, taken = trained[name], sum(map(prod, chosen.values()))
        fits = prod(shape) <= min(LARGEST, MOST_VALUES - taken)
        chosen[name] = shape if fits else tuple(min(LONGEST_AXIS, size) for size in shape)
    return dict(sorted(chosen.items()))


def _by_kind(trained: Mapping[str, Shape]) -> Iterator[str]:
    """Yield all names: of each kind (parameter and number of axes) one, then of each another one."""
    kinds: dict[tuple[str, int], list[str]] = {}
    for name in sorted(trained):
        kinds.setdefault((name.rpartition(".")[2], len(trained[name])), []).append(name)
    orders = [_in_order(names, trained) for _, names in sorted(kinds.items())]
    yield from (name for names in zip_longest(*orders) for name in names if name is not None)


def _in_order(names: Sequence[str], trained: Mapping[str, Shape]) -> list[str]:
    """Return the smallest, the last and the first by name, then all others by size."""
    by_size = sorted(names, key=lambda name: (prod(trained[name]), name))
    return list(dict.fromkeys([by_size[0], names[-1], names[0], *by_size]))


def draw_parameters(shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Return float64 parameters near 1, by canonical name."""
    return {name: 1 + 0.1 * _generator(name, "values").normal(size=shape) for name, shape in shapes.items()}


def checkpoints(steps: int) -> tuple[int, ...]:
    """Return those of a run that ends after so many steps, which is one of them."""
    return CHECKPOINTS[: CHECKPOINTS.index(steps) + 1]


def starts(shapes: Mapping[str, Shape], steps: int) -> list[OptimizerStart]:
    """Return where an optimizer begins: parameters near 1, for so many steps, then far ones of either sign."""
    near, signs = (
        draw_parameters(shapes),
        {name: np.where(np.arange(prod(shape)) % 2, -FAR, FAR).reshape(shape) for name, shape in shapes.items()},
    )
    far = {name: signs[name] * array for name, array in near.items()}
    return [OptimizerStart(near, checkpoints(steps)), OptimizerStart(far, FAR_CHECKPOINTS)]


def calm_start(shapes: Mapping[str, Shape], steps: int) -> OptimizerStart:
    """Return a third one, for penalties whose gradient grows faster than the weight.

    Descent on a sum of fourth powers goes away from a minimum where a step is too long for the size of the weight, as
    behind a large gradient: both sides overflow then. Matrices with no singular value much above 1, and gradients that
    leave them there, are met by the penalty in every step.
    """
    near = draw_parameters(shapes)
    small = {name: array / np.sqrt(array.size) if array.ndim > 1 else array for name, array in near.items()}
    return OptimizerStart(small, checkpoints(steps), CALM)


def draw_gradients(shapes: Mapping[str, Shape], steps: int) -> dict[str, np.ndarray]:
    """Return float64 gradients (steps, ...) by canonical name: those of the first `steps` of STEPS."""
    return {name: _gradients(name, shape)[:steps] for name, shape in shapes.items()}


def _gradients(name: str, shape: Shape) -> np.ndarray:
    generator = _generator(name, "gradients")
    normal = generator.normal(size=(STEPS, prod(shape)))
    kinds = [_KINDS[element % len(_KINDS)](normal[:, element], generator) for element in range(normal.shape[1])]
    gradients = np.stack(kinds, axis=1).reshape(STEPS, *shape)
    if name.rpartition(".")[2] == SPARSE:
        rows = generator.random((STEPS, shape[0])) < SPARSE_SHARE
        rows[:, -1] = False
        gradients = gradients * rows.reshape(STEPS, shape[0], *(1 for _ in shape[1:]))
    gradients[SILENT_EVERY // 2 :: SILENT_EVERY] = 0.0
    return gradients


def _generator(name: str, use: str) -> np.random.Generator:
    return np.random.default_rng([crc32(name.encode()), crc32(use.encode())])


def _ordinary(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return normal


def _tiny(normal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Around and far below every usual epsilon, one size per element."""
    return normal * 10 ** generator.uniform(-12, -6)


def _huge(normal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A million times as large in one step of fifty, and in the third."""
    peaks = generator.random(STEPS) < 0.02
    peaks[2] = True
    return normal * np.where(peaks, 1e6, 1.0)


def _sign_flipping(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.abs(normal) * np.where(np.arange(STEPS) % 2, -1.0, 1.0)


def _growing(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return normal * np.geomspace(1e-4, 1e2, STEPS)


def _resting(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Zero in ten steps of twenty."""
    return normal * (np.arange(STEPS) // 10 % 2 == 0)


def _steady(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Of one sign: the parameter goes far."""
    return np.abs(normal)


_KINDS: Sequence[Callable[[np.ndarray, np.random.Generator], np.ndarray]] = (
    _huge,
    _ordinary,
    _tiny,
    _sign_flipping,
    _growing,
    _resting,
    _steady,
)
"""A small stand-in has the first ones."""
