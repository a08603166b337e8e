"""The losses as torch.nn.functional has them, or written out in torch term by term; run in a worker.

Nothing of twotrack computes here: sums go over Python's loops where a mask, a weight or an ignored class has a say.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.losses.cases import Case
from twotrack.shared.spec import loss_specs as specs


def value_and_gradient(case: Case) -> tuple[float, np.ndarray]:
    """Return the loss of a case and its gradient in the outputs."""
    import torch

    x, y = (torch.from_numpy(array) for array in case.arrays())
    x = x.requires_grad_()
    value = _total(case, x, y)
    (gradient,) = torch.autograd.grad(value, [x], allow_unused=True, materialize_grads=True)
    return float(value), gradient.numpy()


def _total(case: Case, x: Any, y: Any) -> Any:
    import torch

    loss, total = case.loss, torch.zeros((), dtype=torch.float64)
    per_row = 1 if loss.of_rows else x.shape[-1]
    counted = rows = weights = 0.0
    single = isinstance(loss, specs.Triplet | specs.CTC)
    for place in np.ndindex(tuple(x.shape[:1] if single else x.shape[:-1])):
        label = y[place]
        weight = _weight(case, place, label)
        rows += 1
        if weight is None:
            continue
        counted, weights = counted + 1, weights + weight
        total = total + weight * _TERMS[type(loss)](loss, x[place], label)
    divisors = {
        "counted": counted * per_row, "all": rows * per_row, "rows": rows, "examples": len(x),
        "weights": weights * per_row, "nothing": 1.0,
    }  # fmt: skip
    return total / divisors[loss.divisor] if divisors[loss.divisor] else x.sum() * 0


def _weight(case: Case, place: tuple[int, ...], label: Any) -> float | None:
    """Return the weight of a row; None for one that is left out."""
    if case.mask is not None and not case.mask[place]:
        return None
    if getattr(case.loss, "ignored", None) is not None and int(label) == case.loss.ignored:  # type: ignore[attr-defined]
        return None
    own = 1.0 if case.weights is None else float(case.weights[place[: case.weights.ndim]])
    of_classes = getattr(case.loss, "class_weights", ())
    if not of_classes:
        return own
    if case.loss.target_kind == "probabilities":
        return own * float(np.dot(of_classes, label))
    return own * of_classes[int(label)]


def _cross_entropy(loss: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional as f

    if loss.takes == "probabilities":
        return f.nll_loss(x.log()[None], y[None])
    return f.cross_entropy(x[None], y[None], label_smoothing=loss.label_smoothing)


def _binary(loss: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional as f

    if loss.takes == "probabilities":
        return f.binary_cross_entropy(x, y, loss.pos_weight * y + 1 - y, reduction="sum")
    y = y * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    weight = x.new_full(x.shape, loss.pos_weight)
    return f.binary_cross_entropy_with_logits(x, y, pos_weight=weight, reduction="sum")


def _focal(loss: Any, x: Any, y: Any) -> Any:
    p = x.sigmoid() if loss.takes == "logits" else x
    true = p * y + (1 - p) * (1 - y)
    alpha = 1.0 if loss.alpha is None else loss.alpha * y + (1 - loss.alpha) * (1 - y)
    return -(alpha * (1 - true) ** loss.gamma * true.log()).sum()


def _categorical_focal(loss: Any, x: Any, y: Any) -> Any:
    p = x.softmax(-1)[y]
    return -loss.alpha * (1 - p) ** loss.gamma * p.log()


def _hinge(loss: Any, x: Any, y: Any) -> Any:
    missing = (loss.margin - (2 * y - 1) * x).clamp(min=0)
    return (missing**2 if loss.squared else missing).sum()


def _categorical_hinge(loss: Any, x: Any, y: Any) -> Any:
    others = [x[number] for number in range(len(x)) if number != int(y)]
    return (loss.margin + max(others) - x[int(y)]).clamp(min=0)


def _of(name: str, **options: Any) -> Callable[[Any, Any, Any], Any]:
    def term(loss: Any, x: Any, y: Any) -> Any:
        from torch.nn import functional as f

        own = {key: value(loss) for key, value in options.items()}
        return getattr(f, name)(x, y, reduction="sum", **own)

    return term


def _kullback_leibler(loss: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional as f

    return f.kl_div(x.log_softmax(-1) if loss.takes == "logits" else x.log(), y, reduction="sum")


def _cosine(loss: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional as f

    return -f.cosine_similarity(x, y, dim=-1, eps=loss.epsilon)


def _triplet(loss: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional as f

    if loss.squared:
        near, far = ((x[0] - x[other]).square().sum() for other in (1, 2))
        return (near - far + loss.margin).clamp(min=0)
    return f.triplet_margin_loss(*x, margin=loss.margin, eps=loss.epsilon)


def _ctc(loss: Any, x: Any, y: Any) -> Any:
    import torch
    from torch.nn import functional as f

    length = int((y != 0).sum())
    lengths = torch.tensor([len(x)]), torch.tensor([length])
    return f.ctc_loss(x.log_softmax(-1)[:, None], y[None, :length], *lengths, reduction="sum")


_TERMS: dict[type, Callable[[Any, Any, Any], Any]] = {
    specs.CrossEntropy: _cross_entropy,
    specs.BinaryCrossEntropy: _binary,
    specs.Focal: _focal,
    specs.CategoricalFocal: _categorical_focal,
    specs.Hinge: _hinge,
    specs.CategoricalHinge: _categorical_hinge,
    specs.SquaredError: _of("mse_loss"),
    specs.AbsoluteError: _of("l1_loss"),
    specs.Huber: _of("huber_loss", delta=lambda loss: loss.delta),
    specs.LogCosh: lambda loss, x, y: (x - y).cosh().log().sum(),
    specs.Poisson: _of("poisson_nll_loss", log_input=lambda loss: loss.takes == "logarithms", eps=lambda _: 0.0),
    specs.KullbackLeibler: _kullback_leibler,
    specs.CosineSimilarity: _cosine,
    specs.Triplet: _triplet,
    specs.CTC: _ctc,
}
