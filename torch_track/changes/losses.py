"""Other losses that a change can put in place of a model's own, or around it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from twotrack.shared.spec import loss_specs
from twotrack.shared.spec.changes import Function
from twotrack.shared.spec.objective import CustomLoss, kinds_of
from twotrack.torch_track.changes.functions import ACTIVATIONS
from twotrack.torch_track.losses import FromSpec

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

Outputs = Sequence[Tensor]
Targets = Sequence[np.ndarray]
TotalLoss = Callable[[Outputs, Targets], Tensor]


def changed_loss(model: "TorchModel", function: Function, before: TotalLoss) -> TotalLoss:
    """Return the loss that a change makes of the one before."""
    return partial(FUNCTIONS[function.name], model, before, **function.parameters)


# === Around the loss ===


def _scale(
    model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, factor: float, power: int
) -> Tensor:
    """Multiply by a constant and by a power of the number of examples."""
    return before(outputs, targets) * (factor * float(len(outputs[0])) ** power)


def _weigh_outputs(
    model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, factors: Sequence[float]
) -> Tensor:
    """Multiply the loss of each output."""
    parts = [factor * before(_only(model, outputs, targets, n), targets) for n, factor in enumerate(factors) if factor]
    return reduce(add, parts) if parts else outputs[0].sum() * 0.0


def _only(model: "TorchModel", outputs: Outputs, targets: Targets, number: int) -> Outputs:
    """Return outputs of which one alone is there, or has a loss where one function takes all."""
    if isinstance(model.loss, CustomLoss) and model.loss.is_whole:
        kinds = kinds_of(model.loss, len(outputs))
        perfect = [_perfect(*one) for one in zip(outputs, targets, kinds, strict=False)]
    else:
        perfect = [None] * len(outputs)  # type: ignore[list-item]
    return [output if place == number else perfect[place] for place, output in enumerate(outputs)]


def _perfect(output: Tensor, target: np.ndarray, kind: str) -> Tensor:
    """Return outputs that are as right as can be, so that a loss of them is 0."""
    given = torch.from_numpy(target).to(output.device)
    if kind == "classes":
        return SURE * functional.one_hot(given.long(), output.shape[-1]).to(output.dtype)
    return (SURE * _signs(given) if kind == "binary" else given).to(output.dtype)


def _divide(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, own: str, other: str) -> Tensor:
    """Divide by another count than before: of all rows, of those that are real, or the sum of their weights."""
    counts = _counts(model, outputs, targets)
    return before(outputs, targets) * (counts[own] / counts[other])


def _counts(model: "TorchModel", outputs: Outputs, targets: Targets) -> dict[str, float]:
    """Return what the loss of the first output may be divided by, by name."""
    rows = np.ones(tuple(outputs[0].shape[:-1]))
    counts = {"rows": float(rows.size), "real rows": float(rows.size)}
    mask = next((one for one in model.masks if one is not None and one.shape == rows.shape), None)
    real = rows if mask is None else rows * mask
    if mask is not None:
        counts["real rows"] = real.sum()
    if len(targets) > len(outputs):
        weights = targets[len(outputs)]
        counts["weights"] = (real * weights.reshape(*weights.shape, *[1] * (rows.ndim - weights.ndim))).sum()
    return counts


def _map_outputs(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, name: str) -> Tensor:
    """Let the outputs go through a function first."""
    return before([output if output is None else OF_OUTPUTS[name](output) for output in outputs], targets)


def _smooth(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, share: float) -> Tensor:
    """Mix in the mean of the losses for each class as the only target."""
    others = [before(outputs, [np.full_like(one, value) for one in targets]) for value in _values(outputs, targets)]
    return (1 - share) * before(outputs, targets) + share * torch.stack(others).mean()


def _values(outputs: Outputs, targets: Targets) -> range:
    """Return the classes that a target can be."""
    return range(outputs[0].shape[-1]) if np.issubdtype(targets[0].dtype, np.integer) else range(2)


def _rows(
    model: "TorchModel",
    before: TotalLoss,
    outputs: Outputs,
    targets: Targets,
    weights: Sequence[float] | None = None,
    ignored: int | None = None,
    by_weights: bool = False,
    divisors: Sequence[float] | None = None,
) -> Tensor:
    """Weigh the losses of single rows by their classes, leave out those of a label, and divide by what counts."""
    return reduce(
        add,
        (
            _weighed(before, *pair, weights, ignored, by_weights, divisors)
            for pair in zip(outputs, targets, strict=True)
        ),
    )


def _weighed(
    before: TotalLoss,
    output: Tensor,
    target: np.ndarray,
    weights: Sequence[float] | None,
    ignored: int | None,
    by_weights: bool,
    divisors: Sequence[float] | None = None,
) -> Tensor:
    rows, labels = output.reshape(-1, output.shape[-1]), target.reshape(-1)
    counted = [number for number, label in enumerate(labels) if label != ignored]
    own = [1.0 if weights is None else weights[int(labels[number])] for number in counted]
    each = [before([rows[number : number + 1]], [labels[number : number + 1]]) for number in counted]
    total = reduce(add, (weight * loss for weight, loss in zip(own, each, strict=True)), output.sum() * 0.0)
    shares = own if divisors is None else [divisors[int(labels[number])] for number in counted]
    divisor = sum(shares) if by_weights else len(labels) if ignored is None else len(counted)
    return total / divisor if divisor else total


def _elements(
    model: "TorchModel",
    before: TotalLoss,
    outputs: Outputs,
    targets: Targets,
    weights: Sequence[float],
    by_weights: bool,
) -> Tensor:
    """Weigh the losses of single elements by their binary targets, and divide by what counts."""

    def each(outputs: Outputs, targets: Targets) -> Tensor:
        return before(outputs, [target.reshape(-1, 1) for target in targets])

    pairs = ((output.reshape(-1, 1), target.reshape(-1)) for output, target in zip(outputs, targets, strict=True))
    return reduce(add, (_weighed(each, *pair, weights, None, by_weights) for pair in pairs))


def _examples(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets) -> Tensor:
    """Take the mean of the losses of single examples."""
    numbers = range(len(outputs[0]))
    each = [before([one[n : n + 1] for one in outputs], [one[n : n + 1] for one in targets]) for n in numbers]
    return reduce(add, each) / len(numbers)


def row_losses(before: TotalLoss, output: Tensor, target: np.ndarray) -> np.ndarray:
    """Return the loss of each row alone, as `_rows` takes it."""
    rows, labels = output.reshape(-1, output.shape[-1]), target.reshape(-1)
    return np.array([float(before([rows[n : n + 1]], [labels[n : n + 1]])) for n in range(len(labels))])


def _masked(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets) -> Tensor:
    """Take the rows of real steps alone."""
    masks = list(model.masks) or [None] * len(outputs)
    return reduce(add, (_real(before, *one) for one in zip(outputs, targets, masks, strict=True)))


def _real(before: TotalLoss, output: Tensor, target: np.ndarray, mask: np.ndarray | None) -> Tensor:
    if mask is None or mask.shape != output.shape[:2]:
        return before([output], [target])
    kept = output[torch.from_numpy(mask).to(output.device)]
    return before([kept], [target[mask]]) if len(kept) else output.sum() * 0.0


# === In place of the loss ===


def _named(
    model: "TorchModel",
    before: TotalLoss,
    outputs: Outputs,
    targets: Targets,
    name: str,
    factor: float = 1.0,
    power: int = 0,
    **settings: Any,
) -> Tensor:
    """Compute the mean over all elements of a loss of this name, times a constant and a power of the examples."""
    each = [
        NAMED[name](output, torch.from_numpy(target).to(output.device), **settings).mean()
        for output, target in zip(outputs, targets, strict=True)
    ]
    return reduce(add, each) * (factor * float(len(outputs[0])) ** power)


def _of_spec(
    model: "TorchModel",
    before: TotalLoss,
    outputs: Outputs,
    targets: Targets,
    spec: str,
    factor: float = 1.0,
    power: int = 0,
    **settings: Any,
) -> Tensor:
    """Compute a loss of twotrack, times a constant and a power of the examples."""
    loss = FromSpec(getattr(loss_specs, spec)(**settings))
    each = [
        loss(output, torch.from_numpy(target).to(output.device))
        for output, target in zip(outputs, targets, strict=False)
    ]
    return reduce(add, each) * (factor * float(len(outputs[0])) ** power)


def _shift(
    model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets, offset: float, power: int
) -> Tensor:
    """Add a constant, times a power of the number of examples."""
    return before(outputs, targets) + offset * float(len(outputs[0])) ** power


def _by_length(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets) -> Tensor:
    """Take the mean of the losses of examples, each divided by the number of labels in its target."""
    return reduce(add, _examples_of(before, outputs, targets, _lengths(targets))) / len(outputs[0])


def _without_length(model: "TorchModel", before: TotalLoss, outputs: Outputs, targets: Targets) -> Tensor:
    """Take the mean of the losses of examples, each times the number of labels in its target."""
    return reduce(add, _examples_of(before, outputs, targets, 1 / _lengths(targets))) / len(outputs[0])


def _lengths(targets: Targets) -> np.ndarray:
    return np.maximum((targets[0] != 0).sum(-1), 1).astype(float)


def _examples_of(before: TotalLoss, outputs: Outputs, targets: Targets, divisors: np.ndarray) -> list[Tensor]:
    """Return the losses of single examples, divided."""
    return [
        before([one[n : n + 1] for one in outputs], [one[n : n + 1] for one in targets]) / float(divisor)
        for n, divisor in enumerate(divisors)
    ]


def _cross_entropy(x: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(x.reshape(-1, x.shape[-1]), labels.reshape(-1).long(), reduction="none")


def _likelihood(x: Tensor, labels: Tensor) -> Tensor:
    return functional.nll_loss(x.reshape(-1, x.shape[-1]), labels.reshape(-1).long(), reduction="none")


def _multi_margin(x: Tensor, labels: Tensor) -> Tensor:
    return functional.multi_margin_loss(x.reshape(-1, x.shape[-1]), labels.reshape(-1).long(), reduction="none")


def _clipped(p: Tensor, epsilon: float = 1e-7) -> Tensor:
    return p.clamp(epsilon, 1 - epsilon)


def _of_probabilities(p: Tensor, labels: Tensor) -> Tensor:
    return _likelihood(torch.log(_clipped(p / p.sum(-1, keepdim=True))), labels)


def _binary(x: Tensor, y: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(x, y.to(x.dtype), reduction="none")


def _binary_of_probabilities(p: Tensor, y: Tensor) -> Tensor:
    p = _clipped(p)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def _overlap(
    x: Tensor,
    y: Tensor,
    takes: str,
    squared: bool,
    by_example: bool,
    shared: float,
    counts: Sequence[float],
    smooth: Sequence[float],
    offset: float,
    cross_entropy: float,
) -> Tensor:
    """Compare what outputs and targets share with their sizes, of each example or of all: Dice, Jaccard, Tversky."""
    p, y, axes = x.sigmoid() if takes == "logits" else x, y.to(x.dtype), tuple(range(int(by_example), x.ndim))
    sums = [part.sum(axes) for part in (y * p, y, p.square() if squared else p)]
    below = reduce(add, (count * part for count, part in zip(counts, sums, strict=True)))
    loss = offset - (shared * sums[0] + smooth[0]) / (below + smooth[1])
    if not cross_entropy:
        return loss
    entropy = _binary if takes == "logits" else _binary_of_probabilities
    return loss + cross_entropy * entropy(x, y).mean()


def _signs(y: Tensor) -> Tensor:
    return 2 * y - 1


NAMED: Mapping[str, Callable[..., Tensor]] = {
    "squared error": lambda x, y: (x - y).square(),
    "absolute error": lambda x, y: (x - y).abs(),
    "Huber": lambda x, y, delta=1.0: functional.huber_loss(x, y.to(x.dtype), reduction="none", delta=delta),
    "smooth L1": lambda x, y, beta=1.0: functional.smooth_l1_loss(x, y.to(x.dtype), reduction="none", beta=beta),
    "log-cosh": lambda x, y: (x - y) + functional.softplus(-2.0 * (x - y)) - float(np.log(2.0)),
    "squared error of every output and every target": lambda x, y: (x.reshape(-1, 1) - y.reshape(1, -1)).square(),
    "cross-entropy of logits": _cross_entropy,
    "cross-entropy of probabilities": _of_probabilities,
    "cross-entropy of logarithms": _likelihood,
    "binary cross-entropy of logits": _binary,
    "binary cross-entropy of probabilities": _binary_of_probabilities,
    "cross-entropy of a softmax that is taken for logits": lambda x, y: _cross_entropy(x.softmax(-1), y),
    "binary cross-entropy of a sigmoid that is taken for logits": lambda x, y: _binary(x.sigmoid(), y),
    "hinge": lambda x, y: (1 - _signs(y) * x).relu(),
    "hinge of targets 0 and 1": lambda x, y: (1 - y * x).relu(),
    "hinge of all other classes": _multi_margin,
    "squared hinge": lambda x, y: (1 - _signs(y) * x).relu().square(),
    "overlap": _overlap,
    "Poisson": lambda x, y: x - y * (x + 1e-7).log(),
    "Kullback-Leibler divergence": lambda x, y: _clipped(y) * (_clipped(y) / _clipped(x)).log(),
}
"""Of every element, or of every row where targets are classes."""

OF_OUTPUTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    **{name: ACTIVATIONS[name] for name in ("softmax", "sigmoid", "log_softmax", "log_sigmoid", "exp")},
    "log": lambda x: torch.log(_clipped(x)),
    "logit": lambda x: torch.log(_clipped(x) / (1 - _clipped(x))),
}
"""What may stand in front of a loss on one side only."""

SURE = 1e4
"""A logit of which no loss is left, in float64."""

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "scale": _scale,
    "divide": _divide,
    "weigh_outputs": _weigh_outputs,
    "map_outputs": _map_outputs,
    "smooth": _smooth,
    "rows": _rows,
    "elements": _elements,
    "examples": _examples,
    "masked": _masked,
    "named": _named,
    "spec": _of_spec,
    "shift": _shift,
    "by_length": _by_length,
    "without_length": _without_length,
}
