"""Shared optimizer specs whose formulas need whole weights in canonical form: their norms, rows or columns."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, overload

import torch
from torch import Tensor, nn

from twotrack.shared.spec.optimizers import Adafactor, Lamb, Muon, Optimizer
from twotrack.torch_track.placement import CanonicalView, Placement, views
from twotrack.torch_track.update_options import grouped


def make(
    spec: Lamb | Adafactor | Muon, parameters: Sequence[nn.Parameter], placed: Placement | None
) -> "MatrixOptimizer":
    """Return the torch optimizer for `spec`, with its learning rate at every step."""
    return _CLASSES[type(spec)](spec, grouped(spec, parameters, placed), views(parameters, placed))


class MatrixOptimizer(torch.optim.Optimizer):
    """Updates canonical weights one by one, wherever they live in parameters. Its state is in canonical form.

    It is kept with the first parameter of a weight, under the weight's name, a dot and the slot's.
    """

    def __init__(self, spec: Optimizer, groups: Sequence[dict[str, Any]], of_weights: Sequence[CanonicalView]):
        super().__init__(groups, {"lr": spec.learning_rate, "weight_decay": spec.weight_decay, "updates": 0})
        self.views = of_weights

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every weight that has a gradient once; return the loss of `closure`, if it is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = {id(one): group for group in self.param_groups for one in group["params"]}
        given = [(view, gradient) for view in self.views if (gradient := view.gradient()) is not None]
        if given:
            for group in self.param_groups:
                group["updates"] += 1
        for view, gradient in given:
            group = groups[id(view.home)]
            weight = view.weight() * (1 - group["lr"] * group["weight_decay"])
            view.assign(weight - self._step(view, weight, gradient, group["lr"], group["updates"]))
        return loss

    def _step(self, view: CanonicalView, weight: Tensor, g: Tensor, rate: float, t: int) -> Tensor:
        """Return what is taken off a weight."""
        raise NotImplementedError

    def _slot(self, view: CanonicalView, name: str, like: Tensor) -> Tensor:
        """Return a weight's state of that name, zeros at first."""
        state, key = self.state[view.home], f"{view.name}.{name}"
        if key not in state:
            state[key] = torch.zeros_like(like)
        return state[key]

    def _moments(self, view: CanonicalView, spec: Lamb | Muon, g: Tensor) -> tuple[Tensor, Tensor]:
        m, v = self._slot(view, "momentum", g), self._slot(view, "velocity", g)
        m.mul_(spec.beta_1).add_(g, alpha=1 - spec.beta_1)
        v.mul_(spec.beta_2).addcmul_(g, g, value=1 - spec.beta_2)
        return m, v


class LambOptimizer(MatrixOptimizer):
    """twotrack.shared.spec.optimizers.Lamb, which torch lacks."""

    def __init__(self, spec: Lamb, *rest: Any):
        super().__init__(spec, *rest)
        self._spec = spec

    def _step(self, view: CanonicalView, weight: Tensor, g: Tensor, rate: float, t: int) -> Tensor:
        m, v = self._moments(view, self._spec, g)
        root = (v / (1 - self._spec.beta_2**t)).sqrt() + self._spec.epsilon
        u = m / (1 - self._spec.beta_1**t) / root
        size, own = weight.square().sum().sqrt(), u.square().sum().sqrt()
        ratio = torch.where((size > 0) & (own > 0), size / own, torch.ones_like(size))
        return ratio * rate * u


class AdafactorOptimizer(MatrixOptimizer):
    """twotrack.shared.spec.optimizers.Adafactor; torch.optim's has other axes of convolutions, and other epsilons."""

    def __init__(self, spec: Adafactor, *rest: Any):
        super().__init__(spec, *rest)
        self._spec = spec

    def _step(self, view: CanonicalView, weight: Tensor, g: Tensor, rate: float, t: int) -> Tensor:
        size = max(self._spec.epsilon_2, float(_rms(weight))) * min(rate, 1 / sqrt(t))
        u = g / self._variance(view, g, 1 - t**self._spec.beta_2_decay).sqrt()
        return size * u / max(1.0, float(_rms(u)) / self._spec.clip_threshold)

    def _variance(self, view: CanonicalView, g: Tensor, beta: float) -> Tensor:
        square = g.square() + self._spec.epsilon_1
        if g.ndim < 2:
            return self._slot(view, "velocity", g).mul_(beta).add_(square, alpha=1 - beta)
        rows, columns = square.mean(-1), square.mean(-2)
        r = self._slot(view, "row", rows).mul_(beta).add_(rows, alpha=1 - beta)
        c = self._slot(view, "column", columns).mul_(beta).add_(columns, alpha=1 - beta)
        return (r / r.mean(-1, keepdim=True)).unsqueeze(-1) * c.unsqueeze(-2)


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()


class MuonOptimizer(MatrixOptimizer):
    """twotrack.shared.spec.optimizers.Muon; torch.optim's rounds to bfloat16, and takes matrices only."""

    def __init__(self, spec: Muon, *rest: Any):
        super().__init__(spec, *rest)
        self._spec = spec

    def _step(self, view: CanonicalView, weight: Tensor, g: Tensor, rate: float, t: int) -> Tensor:
        spec = self._spec
        if not spec.is_matrix(view.name, view.axes):
            m, v = self._moments(view, spec, g)
            alpha = rate * sqrt(1 - spec.beta_2**t) / (1 - spec.beta_1**t)
            return alpha * m / (v.sqrt() + spec.epsilon)
        m = self._slot(view, "momentum", g).mul_(spec.momentum).add_(g)
        direction = orthogonalised(g + spec.momentum * m if spec.nesterov else m, spec.ns_steps)
        share = 1.0 if spec.rms_rate is None else spec.rms_rate * sqrt(max(weight.shape))
        return rate * share * direction


NS_COEFFICIENTS = 3.4445, -4.7750, 2.0315
NS_EPSILON = 1e-7
"""Keras' own; it is added to the norm."""


def orthogonalised(x: Tensor, steps: int) -> Tensor:
    """Return what Newton and Schulz' iteration makes of a matrix: about the orthogonal one nearest to it."""
    (a, b, c), is_tall = NS_COEFFICIENTS, x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    x = x / (x.square().sum().sqrt() + NS_EPSILON)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if is_tall else x


_CLASSES: dict[type, Callable[..., MatrixOptimizer]] = {
    Lamb: LambOptimizer,
    Adafactor: AdafactorOptimizer,
    Muon: MuonOptimizer,
}
