"""An optimizer of torch that updates each weight by plain settings, in which those of both frameworks can be told."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.spec.updates import DEFAULTS, EXACT, Settings
from twotrack.shared.weights.bridge.layouts import Layout
from twotrack.torch_track.placement import Placement

NORM_EPSILON = 1e-7
"""Keras divides by a norm plus this."""


class Ruled(torch.optim.Optimizer):
    """Updates by settings; what learning rate is due is asked before every step."""

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        settings: Sequence[Settings],
        layouts: Sequence[Layout | None],
        rates: Callable[[], Sequence[float]],
        own_shares: Sequence[float],
        placed: Placement,
        now: Callable[[], Sequence[Settings]] | None = None,
    ):
        """`rates` are those of the model's own optimizer, times its own shares for these parameters.

        `now` are its settings in the step that `rates` was asked for last; they count where settings are moving.
        """
        groups = [
            {
                "params": [parameter],
                "lr": 0.0,
                "own": {**DEFAULTS, **own},
                "own_share": share,
                "layout": layout,
                "number": number,
                "steps": 0,
            }
            for number, (parameter, own, layout, share) in enumerate(
                zip(parameters, settings, layouts, own_shares, strict=True)
            )
        ]
        super().__init__(groups, {})
        self._rates, self._placed, self._now = rates, placed, now
        self.register_step_pre_hook(self._set_rates)

    def _set_rates(self, *_: object) -> None:
        for group, own in zip(self.param_groups, self._rates(), strict=True):
            given, step = group["own"]["rate"], group["steps"]
            rates = own if given is None else given
            rate = rates if isinstance(rates, float) else rates[min(step, len(rates) - 1)]
            group["lr"] = rate * group["own"]["share"] / (group["own_share"] if given is None else 1.0)
            group["steps"] += 1
        if self._now and any(group["own"]["moving"] for group in self.param_groups):
            for group, now in zip(self.param_groups, self._now(), strict=True):
                group["own"] |= {name: now[name] for name in group["own"]["moving"]}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        live = [group for group in self.param_groups if group["params"][0].grad is not None]
        gradients = self._clipped(live, [self._gathered(group, self._regular(group)) for group in live])
        for group, gradient in zip(live, gradients, strict=True):
            self._update(group, gradient)
            self._limit(group)

    def _regular(self, group: Mapping[str, Any]) -> Tensor:
        """Return the gradient with that of penalties."""
        weight, own = group["params"][0], group["own"]
        gradient = weight.grad.to_dense() if weight.grad.is_sparse else weight.grad
        if own["decay"][0]:
            gradient = gradient.add(weight, alpha=own["decay"][0])
        return gradient.add(weight.sign(), alpha=own["l1"]) if own["l1"] else gradient

    def _gathered(self, group: Mapping[str, Any], gradient: Tensor) -> Tensor:
        """Return the mean over the steps since the last update, where updates are not made at every step."""
        every = group["own"]["gathered"]
        if every == 1:
            return gradient
        total = self._slot(group, "gathered", 0.0).add_(gradient)
        mean = total.clone() if group["own"]["summed"] else total / every
        if group["steps"] % every == 0:
            total.zero_()
        return mean

    def _clipped(self, live: Sequence[Mapping[str, Any]], gradients: list[Tensor]) -> list[Tensor]:
        """Clip each by its norm, all by their norm, by value: Keras does one of them."""
        own = live[0]["own"] if live else DEFAULTS
        if limit := own["clipnorm"]:
            gradients = self._by_own_norm(live, gradients, limit)
        if limit := own["global_clipnorm"]:
            squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
            gradients = [gradient * _clip_share(squares, limit, own["clip_epsilon"]) for gradient in gradients]
        if limit := own["clipvalue"]:
            gradients = [gradient.clamp(-limit, limit) for gradient in gradients]
        return gradients

    def _by_own_norm(
        self, live: Sequence[Mapping[str, Any]], gradients: Sequence[Tensor], limit: float
    ) -> list[Tensor]:
        """Clip each weight by its norm, of which a parameter may hold several, and several parameters one."""
        own = live[0]["own"]
        places: list[Mapping[str, Any]] = [
            (not own["clip_whole"] and self._parts.get(group["number"]))
            or {f"parameter {group['number']}": slice(None)}
            for group in live
        ]
        flat = [gradient.flatten().clone() for gradient in gradients]
        squares: dict[str, Tensor] = {}
        for held, gradient in zip(places, flat, strict=True):
            for name, part in held.items():
                squares[name] = squares.get(name, torch.zeros_like(gradient[:1].sum())) + gradient[part].square().sum()
        for held, gradient in zip(places, flat, strict=True):
            for name, part in held.items():
                gradient[part] *= _clip_share(squares[name], limit, own["clip_epsilon"])
        return [clipped.reshape(gradient.shape) for clipped, gradient in zip(flat, gradients, strict=True)]

    @cached_property
    def _parts(self) -> Mapping[int, Mapping[str, Tensor]]:
        """By the number of a parameter and canonical name: the places, flat, of a weight's elements in it."""
        held: dict[int, dict[str, Tensor]] = {}
        for name in self._placed.numbers:
            for part in self._placed.locate(name):
                held.setdefault(part.number, {})[name] = torch.from_numpy(part.places)
        return held

    def _update(self, group: dict[str, Any], gradient: Tensor) -> None:
        weight, own, rate = group["params"][0], group["own"], group["lr"]
        if group["steps"] % own["gathered"]:
            return
        step = group["steps"] // own["gathered"]
        if own["decay"][1]:
            weight.mul_(1 - rate * own["decay"][1])
        weight.sub_(getattr(self, f"_{own['method']}")(group, own, gradient, rate, step))
        if own["average"]:
            self._average(group, *own["average"])

    def _square(self, group: Mapping[str, Any], gradient: Tensor) -> Tensor:
        """Return the square of a gradient; of a sparse one, if that is asked for, the sum of its parts' squares."""
        sparse = group["params"][0].grad
        if not (group["own"]["squared_in_parts"] and sparse.is_sparse):
            return gradient.square()
        return torch.sparse_coo_tensor(sparse._indices(), sparse._values().square(), sparse.shape).to_dense()

    def _slot(self, group: Mapping[str, Any], name: str, first: float) -> Tensor:
        weight = group["params"][0]
        state = self.state[weight]
        if name not in state:
            state[name] = torch.full_like(weight, first, memory_format=torch.preserve_format)
        return state[name]

    def _average(self, group: Mapping[str, Any], momentum: float, every: int | None) -> None:
        weight, step = group["params"][0], group["steps"]
        average = self._slot(group, "average", 0.0)
        share = momentum if step > 1 else 0.0
        average.mul_(share).add_(weight, alpha=1 - share)
        if every and step % every == 0:
            weight.copy_(average)

    # === Methods: what is taken off the weight ===

    def _sgd(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        if not own["momentum"]:
            return rate * g
        return self._with_momentum(group, own, g, rate, step)

    def _with_momentum(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        scaled = rate * g if own["rate_inside"] else g
        velocity = self._slot(group, "velocity", 0.0)
        velocity.mul_(own["momentum"]).add_(scaled, alpha=1.0 if step == 1 else 1 - own["dampening"])
        moved = velocity * own["momentum"] + scaled if own["nesterov"] else velocity
        return moved.clone() if own["rate_inside"] else rate * moved

    def _adam(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m, v, first, second = self._moments(group, own, g, step)
        if own["amsgrad"]:
            largest = self._slot(group, "largest", 0.0)
            v = torch.maximum(largest, v, out=largest)
        place, epsilon = own["epsilon_place"], own["epsilon"]
        if place == "uncorrected":
            return m * (rate * sqrt(second) / first) / (v.sqrt() + epsilon)
        root = (v / second + epsilon).sqrt() if place == "inside" else v.sqrt() / sqrt(second) + epsilon
        return m * (rate / first) / root

    def _moments(
        self, group: Mapping[str, Any], own: Settings, g: Tensor, step: int
    ) -> tuple[Tensor, Tensor, float, float]:
        m, v = self._slot(group, "m", 0.0), self._slot(group, "v", 0.0)
        m.mul_(own["beta_1"]).add_(g, alpha=1 - own["beta_1"])
        v.mul_(own["beta_2"]).add_(self._square(group, g), alpha=1 - own["beta_2"])
        return m, v, 1 - own["beta_1"] ** step, 1 - own["beta_2"] ** step

    def _rmsprop(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        v = self._slot(group, "v", 0.0).mul_(own["rho"]).add_(self._square(group, g), alpha=1 - own["rho"])
        if own["centered"]:
            mean = self._slot(group, "mean", 0.0).mul_(own["rho"]).add_(g, alpha=1 - own["rho"])
            v = v - mean.square()
        direction = g / self._root(v, own)
        if not own["momentum"]:
            return rate * direction
        return self._with_momentum(group, own, direction, rate, step)

    def _root(self, v: Tensor, own: Settings) -> Tensor:
        return (v + own["epsilon"]).sqrt() if own["epsilon_place"] == "inside" else v.sqrt() + own["epsilon"]

    def _adagrad(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        total = self._slot(group, "v", own["initial"]).add_(self._square(group, g))
        return rate / (1 + (step - 1) * own["rate_decay"]) * g / self._root(total, own)

    def _adadelta(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        v, moved = self._slot(group, "v", 0.0), self._slot(group, "moved", 0.0)
        v.mul_(own["rho"]).add_(self._square(group, g), alpha=1 - own["rho"])
        delta = (moved + own["epsilon"]).sqrt() / (v + own["epsilon"]).sqrt() * g
        moved.mul_(own["rho"]).addcmul_(delta, delta, value=1 - own["rho"])
        return rate * delta

    def _adamax(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m, u = self._slot(group, "m", 0.0), self._slot(group, "u", 0.0)
        m.mul_(own["beta_1"]).add_(g, alpha=1 - own["beta_1"])
        beside = own["epsilon"] if own["epsilon_place"] == "gradient" else 0.0
        torch.maximum(own["beta_2"] * u, g.abs() + beside, out=u)
        return rate / (1 - own["beta_1"] ** step) * m / (u + (own["epsilon"] - beside))

    def _nadam(self, group: dict[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m, v, _, second = self._moments(group, own, g, step)
        now, coming = (own["beta_1"] * (1 - 0.5 * 0.96 ** (t * own["momentum_decay"])) for t in (step, step + 1))
        product = group.get("product", 1.0) * now
        if own["single_product"]:
            product = float(np.float32(group.get("product", 1.0)) * np.float32(now))
        group["product"] = product
        mean = coming * m / (1 - product * coming) + (1 - now) * g / (1 - product)
        return rate * mean / ((v / second).sqrt() + own["epsilon"])

    def _lion(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m = self._slot(group, "m", 0.0)
        direction = (own["beta_1"] * m + (1 - own["beta_1"]) * g).sign()
        m.mul_(own["beta_2"]).add_(g, alpha=1 - own["beta_2"])
        return rate * direction

    def _lamb(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m, v, first, second = self._moments(group, own, g, step)
        u = m / first / ((v / second).sqrt() + own["epsilon"])
        size, moved = group["params"][0].square().sum().sqrt(), u.square().sum().sqrt()
        return rate * torch.where((size > 0) & (moved > 0), size / moved, torch.ones_like(size)) * u

    def _adafactor(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        weight = group["params"][0]
        # The weight has decayed by now.
        size = _rms(weight) / (1 - rate * own["decay"][1] if own["rms_first"] else 1.0)
        in_form = group["layout"] if own["factored"] == "canonical" and weight.ndim > 2 else None
        v = self._variance(group, own, _through(in_form, g, to_canonical=True), 1 - step ** own["beta_2_decay"])
        least = own["epsilon"] ** 2 if own["epsilon_place"] == "least" else 0.0
        u = g * _through(in_form, v, to_canonical=False).clamp(min=least).rsqrt()
        alpha = max(own["epsilon_2"], size) * min(rate, 1 / sqrt(step))
        return alpha / max(1.0, _rms(u) / own["clip_threshold"]) * u

    def _variance(self, group: Mapping[str, Any], own: Settings, g: Tensor, beta: float) -> Tensor:
        """Return Adafactor's estimate of the mean square, by rows and columns where there are any."""
        state, is_least = self.state[group["params"][0]], own["epsilon_place"] == "least"
        square = g.square() + (0.0 if is_least else own["epsilon"])
        if g.ndim < 2:
            state["v"] = beta * state.get("v", 0.0) + (1 - beta) * square
            return state["v"]
        state["rows"] = beta * state.get("rows", 0.0) + (1 - beta) * square.mean(-1, keepdim=True)
        state["columns"] = beta * state.get("columns", 0.0) + (1 - beta) * square.mean(-2, keepdim=True)
        mean = state["rows"].mean(-2, keepdim=True)
        return state["rows"] / (mean.clamp(min=own["epsilon"]) if is_least else mean) * state["columns"]

    def _muon(self, group: Mapping[str, Any], own: Settings, g: Tensor, rate: float, step: int) -> Tensor:
        m, momentum = self._slot(group, "velocity", 0.0), own["momentum"]
        if own["averaged"]:  # by lerp, as torch's own: what it leaves is rounded to bfloat16, which enlarges any other
            m.lerp_(g, 1 - momentum)
            x = g.lerp(m, momentum) if own["nesterov"] else m
        else:
            m.mul_(momentum).add_(g)
            x = g + momentum * m if own["nesterov"] else m
        outputs, inputs = x.shape
        match own["scaled"]:
            case ("longest", share):
                rate *= share * sqrt(max(x.shape))
            case ("tall",):
                rate *= sqrt(max(1.0, outputs / inputs))
        return rate * _orthogonalised(x, own)

    # === Constraints ===

    def _limit(self, group: Mapping[str, Any]) -> None:
        """Let a constraint act, on the weight as Keras has it."""
        weight, limit = group["params"][0], group["own"]["limit"]
        if not limit:
            return
        own = weight.cpu().numpy()
        limited = limit_canonical(_canonical(own, group["layout"]), limit)
        back = limited if group["layout"] is None else group["layout"].from_canonical(limited)
        weight.copy_(torch.from_numpy(np.array(back, order="C")).reshape(weight.shape))


def _clip_share(squares: Tensor, limit: float, epsilon: float) -> float:
    """Return by how much gradients are made smaller so that their norm is at most the limit."""
    norm = float(squares.sqrt()) + epsilon
    return limit * min(1 / norm, 1 / limit) if norm else 1.0


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def _through(layout: Layout | None, x: Tensor, to_canonical: bool) -> Tensor:
    """Return a tensor in canonical form, or back from it; as it is without a layout."""
    if layout is None:
        return x
    array = x.cpu().numpy()
    moved = layout.to_canonical(array) if to_canonical else layout.from_canonical(array)
    return torch.from_numpy(np.array(moved, order="C")).to(x)


def _orthogonalised(x: Tensor, own: Settings) -> Tensor:
    """Return what Newton and Schulz' iteration makes of a matrix, rounded as torch's Muon rounds if that is asked."""
    (a, b, c), is_tall = own["coefficients"], x.shape[0] > x.shape[1]
    y = x.bfloat16() if own["rounded"] else x.clone()
    y = y.T if is_tall else y
    size = y.norm().clamp(min=own["epsilon"]) if own["epsilon_place"] == "least" else y.norm() + own["epsilon"]
    y.div_(size)  # in place, as torch's own: products of another layout in memory round another way
    for _ in range(own["ns_steps"]):
        square = y @ y.T
        y = torch.addmm(y, torch.addmm(square, square, square, beta=b, alpha=c), y, beta=a)
    return (y.T if is_tall else y).to(x)


def _canonical(own: np.ndarray, layout: Layout | None) -> np.ndarray:
    return own if layout is None else layout.to_canonical(own)


def limit_canonical(weight: np.ndarray, limit: Sequence[Any]) -> np.ndarray:
    """Return a weight as a constraint leaves it: (name, low, high, rate, axis, ...); Keras' have an epsilon."""
    name, low, high, rate, *axes = limit
    if name.endswith("NonNeg"):
        return np.maximum(weight, 0)
    norms = np.sqrt(np.square(weight).sum(axis=tuple(axes), keepdims=True))
    wanted = rate * np.clip(norms, low, high) + (1 - rate) * norms
    if name.startswith(EXACT):
        return weight * np.where(norms > 0, wanted / np.where(norms > 0, norms, 1.0), 1.0)
    return weight * (wanted / (NORM_EPSILON + norms))
