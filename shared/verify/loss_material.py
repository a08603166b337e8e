"""What the rung `loss` gives to a loss: outputs of no model, tiny to extreme, and targets, in batches of 1, 2 and 7.

A difference of two losses shows only where outputs reach it: a clamp on large logits, a Huber delta on large residuals,
a division by the wrong count in batches of another size, an ignored class when it is a target. So outputs come in
groups, one for each size, and each example has rows (what stands at one place of an output: a vector of classes) of one
group. All numbers before the link are exact in float32, so that both precisions are given the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from zlib import crc32

import numpy as np

from twotrack.shared.spec.probe import LossBatch
from twotrack.shared.verify.links import LINKS
from twotrack.shared.verify.material import draw_target

Shape = tuple[int, ...]
Rows = tuple[np.ndarray, np.ndarray]
"""Scores (rows, classes), and targets: (rows,) for classes, else (rows, classes)."""

SIZES = (1.0, 0.1, 3.0, 0.01, 10.0, 1e-4, 30.0, 100.0, 1e3, 1e4)
"""Of scores where targets are classes or binary, ordinary ones first."""
RESIDUALS = (1.0, 0.1, 0.3, 3.0, 0.01, 10.0, 1e-4, 1e-8, 30.0, 100.0, 1e3, 1e4, 1e6)
"""Between outputs near 1 and real targets."""
EXTREME = 10.0
"""From this size on a formula may overflow, or leave out what float32 has no digits for."""
EXACT, EVERY, ALL = "exact zeros and ties", "every class as target", "all sizes"
BATCHES = (2, 7)
LARGEST_VALUES = 1_000_000
"""Numbers in all outputs of a loss together."""
NO_CLASSES = (-100, -1)
"""Targets that frameworks and people leave out of a loss by convention."""
PATTERNS = 6
NEEDED = 2
"""Batches that outputs of any size get: rows of all sizes, and ordinary ones of two examples."""


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model, as far as a loss has to do with them."""

    shapes: Sequence[Shape]
    """Without the batch."""
    links: Sequence[str]
    """Of LINKS."""
    targets: Sequence[str]
    """What the loss of each takes: see loss_specs.TargetKind."""
    weights: Sequence[str] = ()
    """What a batch brings for each, if it brings any: examples or steps."""

    @property
    def target(self) -> str:
        """What all of them take; empty if that is not the same."""
        return self.targets[0] if len(set(self.targets)) == 1 else ""

    @property
    def size(self) -> int:
        """Numbers that belong to one example."""
        return sum(map(prod, self.shapes))


@dataclass(frozen=True)
class LossCase:
    """One batch for a loss."""

    group: str
    """What is special about its rows; rounding is measured by group."""
    scores: Sequence[np.ndarray]
    """Before each output's link, (batch, ...)."""
    targets: Sequence[np.ndarray]
    """Of each output, then the weights that the batch brings, if it brings any."""
    extreme: bool = False
    padded: bool = False
    """Where masks are sent along, some steps are no real ones."""

    @property
    def batch_size(self) -> int:
        """Examples in the batch."""
        return len(self.scores[0])

    def batch(self, links: Sequence[str]) -> LossBatch:
        """Return what the loss gets."""
        outputs = [LINKS[link].outputs(scores) for link, scores in zip(links, self.scores, strict=True)]
        masks = [_mask(scores) if self.padded else None for scores in self.scores]
        return LossBatch(outputs, self.scores, self.targets, masks)


def _mask(scores: np.ndarray) -> np.ndarray | None:
    """Return a mask (batch, steps) with another number of real steps in each example, at least one."""
    if scores.ndim < 3:
        return None
    steps = scores.shape[1]
    return np.arange(steps) < 1 + np.arange(len(scores))[:, None] * 3 % steps


def loss_cases(outputs: Outputs) -> list[LossCase]:
    """Return the batches; those of large outputs are fewer, and each has rows of all sizes then."""
    cases = [*_of_all_sizes(outputs), *_singles(outputs), *_every_class(outputs)]
    kept, values = cases[:NEEDED], 0
    for case in cases[NEEDED:]:
        values += case.batch_size * outputs.size
        if values <= LARGEST_VALUES:
            kept.append(case)
    return sorted(kept, key=lambda case: (case.batch_size > 1, case.extreme, case.group == ALL))


def _of_all_sizes(outputs: Outputs) -> Iterator[LossCase]:
    """Yield, from needed to welcome: ordinary rows and rows of all sizes, in batches of several sizes."""
    sizes, ordinary = _sizes(outputs)[::-1], _sizes(outputs)[:1]
    yield _case(outputs, ALL, 1, sizes, extreme=True)
    for batch_size in BATCHES:
        yield _case(outputs, _named(outputs, ordinary[0]), batch_size, ordinary)
    for batch_size in BATCHES:
        yield _case(outputs, ALL, batch_size, sizes, extreme=True)
        yield _case(outputs, _named(outputs, ordinary[0]), batch_size, ordinary, padded=True)


def _singles(outputs: Outputs) -> Iterator[LossCase]:
    """Yield every pattern of every size, and exact rows, one example each."""
    examples = ceil(PATTERNS / min(map(_rows_in, outputs.shapes)))
    for size in _sizes(outputs):
        for number in range(examples):
            yield _case(outputs, _named(outputs, size), 1, [size], size >= EXTREME, first=number)
    for number in range(examples):
        yield _case(outputs, EXACT, 1, [0.0], first=number)


def _every_class(outputs: Outputs) -> Iterator[LossCase]:
    """Yield batches in which each class is a target, and one for each of two classes that has no other."""
    if "classes" not in outputs.targets:
        return
    ordinary = _sizes(outputs)[:1]
    rows = [shape[-1] / _rows_in(shape) for shape, kind in _pairs(outputs) if kind == "classes"]
    batch_size, count = BATCHES[-1], ceil(max(rows) / BATCHES[-1])
    if count > 10:
        batch_size, count = batch_size * count, 1
    for number in range(count):
        yield _case(outputs, EVERY, batch_size, ordinary, first=number, rotate=True)
    for label in (0, -1):
        case = _case(outputs, "one class as target", 1, ordinary)
        chosen = [
            np.full_like(targets, label % shape[-1]) if kind == "classes" else targets
            for targets, (shape, kind) in zip(case.targets, _pairs(outputs), strict=False)
        ]
        yield replace(case, targets=[*chosen, *case.targets[len(chosen) :]])


def _pairs(outputs: Outputs) -> Iterator[tuple[Shape, str]]:
    return zip(outputs.shapes, outputs.targets, strict=True)


def left_out(outputs: Outputs, label: int) -> LossCase:
    """Return a batch in which some targets, classes, are a label that a loss may leave out."""
    case = _case(outputs, f"targets of {label}", BATCHES[-1], _sizes(outputs)[:1])
    count = len(outputs.shapes)
    return replace(case, targets=[*(_replaced(one, label) for one in case.targets[:count]), *case.targets[count:]])


def _replaced(targets: np.ndarray, label: int) -> np.ndarray:
    """Return targets, at least two in seven of which are `label`, and never all."""
    changed = targets.copy()
    changed.reshape(-1)[::3] = label
    return changed


def _sizes(outputs: Outputs) -> Sequence[float]:
    return RESIDUALS if outputs.target == "real" else SIZES


def ordinary(outputs: Outputs) -> str:
    """Return the group whose outputs and targets are of ordinary size."""
    return _named(outputs, _sizes(outputs)[0])


def _named(outputs: Outputs, size: float) -> str:
    return f"residuals of {size:g}" if outputs.target == "real" else f"scores of {size:g}"


def _rows_in(shape: Shape) -> int:
    return max(1, prod(shape[:-1]))


def _case(
    outputs: Outputs,
    group: str,
    batch_size: int,
    sizes: Sequence[float],
    extreme: bool = False,
    padded: bool = False,
    first: int = 0,
    rotate: bool = False,
) -> LossCase:
    """Return a batch whose rows go through patterns and sizes; `first` says with which rows it begins."""
    made = [
        _example(outputs, number, batch_size, sizes, first, rotate, crc32(f"{group} {number}".encode()))
        for number in range(len(outputs.shapes))
    ]
    brought = [
        _row_weights(kind, batch_size, shape, number)
        for number, (kind, shape) in enumerate(zip(outputs.weights, outputs.shapes, strict=False))
        if kind
    ]
    return LossCase(group, [one for one, _ in made], [*(one for _, one in made), *brought], extreme, padded)


def _row_weights(kind: str, batch_size: int, shape: Shape, number: int) -> np.ndarray:
    generator = np.random.default_rng([crc32(b"weights"), number, batch_size])
    return _single(generator.uniform(0.2, 2.0, (batch_size, *shape[:1]) if kind == "steps" else (batch_size,)))


def _example(
    outputs: Outputs, number: int, batch_size: int, sizes: Sequence[float], first: int, rotate: bool, seed: int
) -> Rows:
    """Return scores and targets (batch, ...) of one output."""
    shape, link, kind = outputs.shapes[number], outputs.links[number], outputs.targets[number]
    classes, count = (shape[-1] if shape else 1), batch_size * _rows_in(shape)
    generator = np.random.default_rng([seed, first, batch_size])
    rows = []
    for row in range(first * count, (first + 1) * count):
        size, pattern = sizes[row % len(sizes)], (row + row // len(sizes) * (len(sizes) > 1)) % PATTERNS
        label = row % classes if rotate else int(generator.integers(classes))
        rows.append(_ROWS[kind](generator, classes, size, pattern, label, link))
    scores, targets = (np.stack(part) for part in zip(*rows, strict=True))
    scores = scores.reshape(batch_size, *shape)
    if kind in OF_EXAMPLES:
        return scores, draw_target(generator, scores.shape, kind)
    return scores, targets.reshape(batch_size, *(shape[:-1] if kind == "classes" else shape))


def _single(values: np.ndarray) -> np.ndarray:
    """Return float64 numbers that float32 has too."""
    return values.astype(np.float32).astype(float)


def _class_row(
    generator: np.random.Generator, classes: int, size: float, pattern: int, label: int, link: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and a label: noise; one dominates, rightly or not; a tie; the label's is lowest; alternating."""
    if size == 0.0:
        exact = (np.zeros(classes), np.ones(classes), np.full(classes, 1e4), np.arange(classes) % 2 * 1.0)
        return exact[pattern % len(exact)], np.array(label)
    other, large = (label + 1) % classes, size * generator.uniform(1, 3)
    scores = 0.1 * min(size, 1.0) * generator.normal(size=classes)
    if pattern == 0:
        scores = size * generator.normal(size=classes)
    elif pattern in (1, 4):
        scores[label] += large if pattern == 1 else -large
    elif pattern == 2:
        scores[other] += large
    elif pattern == 3:
        scores[[label, other]] = large
    else:
        scores = large * np.where((np.arange(classes) + label) % 2, 1.0, -1.0) + scores
    return _single(scores), np.array(label)


def _binary_row(
    generator: np.random.Generator, classes: int, size: float, pattern: int, label: int, link: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and zeros and ones: right and wrong ones of both kinds, then mixed."""
    mixed = generator.integers(0, 2, (2, classes))
    sign, target = (
        (mixed[0], mixed[1]) if pattern > 3 else (np.full(classes, pattern & 1), np.full(classes, pattern >> 1))
    )
    if size == 0.0:
        return (pattern % 3 - 1.0) * np.ones(classes), mixed[1].astype(float)
    return _single(size * generator.uniform(1, 3, classes) * (2 * sign - 1)), target.astype(float)


def _real_row(
    generator: np.random.Generator, classes: int, size: float, pattern: int, label: int, link: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores near 1, tiny or as large as the residual, and targets above, below or on both sides."""
    scores = _single(generator.normal(size=classes) * (size if pattern == 5 and size else 1.0))
    signs = (np.ones(classes), -np.ones(classes), generator.choice([-1.0, 1.0], classes))[pattern % 3]
    exact = (0.0, 1.0, 0.5)[pattern % 3] if size == 0.0 else size * generator.uniform(1, 3, classes)
    targets = LINKS[link].outputs(scores) + _single(signs * exact)
    if link == "softmax":
        targets = LINKS[link].outputs(scores + _single(signs * exact))
    elif link in ("sigmoid", "positive"):
        targets = np.abs(targets) if link == "positive" else np.clip(targets, 0.0, 1.0)
    return scores, targets


def _probability_row(
    generator: np.random.Generator, classes: int, size: float, pattern: int, label: int, link: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits as for classes, and probabilities: one-hot, or with shares for all."""
    scores, _ = _class_row(generator, classes, size, pattern, label, link)
    if pattern % 2:
        return scores, np.eye(classes)[label]
    return scores, _single(draw_target(generator, (classes,), "probabilities"))


def _count_row(
    generator: np.random.Generator, classes: int, size: float, pattern: int, label: int, link: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of both signs, and counts."""
    scores, _ = _binary_row(generator, classes, size, pattern, label, link)
    return scores, draw_target(generator, (classes,), "counts")


OF_EXAMPLES = ("sequences", "none")
"""Kinds of target that belong to whole examples."""
_ROWS: dict[str, Callable[..., Rows]] = {
    "classes": _class_row,
    "binary": _binary_row,
    "real": _real_row,
    "probabilities": _probability_row,
    "counts": _count_row,
    "sequences": _class_row,
    "none": _class_row,
}
