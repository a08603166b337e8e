"""Puts an optimizer of plain settings in place of a model's own; tells what settings the own one has."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from twotrack.shared.spec.changes import SetUpdate
from twotrack.shared.spec.optimizers import Optimizer, Sophia
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.update_options import PLAIN, groups_of
from twotrack.shared.spec.updates import TORCH_PLACES, Rules, of_spec
from twotrack.shared.weights.bridge.layouts import Layout
from twotrack.torch_track.changes.ruled import Ruled
from twotrack.torch_track.entries import Weight
from twotrack.torch_track.placement import Placement, placement
from twotrack.torch_track.update_options import STEPS

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

AnyOptimizer = Optimizer | CustomOptimizer
Make = Callable[[AnyOptimizer, Sequence[float], Iterator[nn.Parameter], Placement | None], torch.optim.Optimizer]
"""As TorchModel.new_optimizer."""


BEYOND = 10_000
"""Steps behind the last learning rate, which stays."""
SMALL = 4096
"""Numbers of a parameter that has a gradient: of large ones an optimizer would keep moments that nobody needs."""
LOOKED_AT = 3
"""Steps in which a scheduler that changes more than the rate is seen to do so."""
UNMOVED = {"share", "rate", "method"}


class Clock:
    """A model's own optimizer on copies of its parameters, small ones with gradients: what it would do, and when."""

    def __init__(
        self,
        make: Make,
        optimizer: AnyOptimizer,
        learning_rates: Sequence[float],
        like: Sequence[nn.Parameter],
        placed: Placement,
    ):
        self._spec, self._placed = optimizer, placed
        self._parameters = [nn.Parameter(one.detach().clone(), requires_grad=one.requires_grad) for one in like]
        trained = sorted((one for one in self._parameters if one.requires_grad), key=lambda one: one.numel())
        self._with_gradients = [*trained[:1], *(one for one in trained[1:] if one.numel() <= SMALL)]
        lasting = [*learning_rates, *list(learning_rates[-1:]) * BEYOND]
        self._optimizer = make(optimizer, lasting, iter(self._parameters), placed)
        self._rates: dict[int, float] = {}
        self._stated: list[dict[str, Any]] = []
        self._optimizer.register_step_pre_hook(self._note)

    def _note(self, *_: object) -> None:
        self._rates = {id(one): float(group["lr"]) for group in self._groups for one in group["params"]}
        self._stated = self.settings()

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self._optimizer.param_groups

    def tick(self) -> list[float]:
        """Do a step; return the learning rate that each parameter had in it, 0 for one that is left out."""
        for one in self._with_gradients:  # code in a hook, such as torch's for clipping, may need some
            one.grad = torch.zeros_like(one)
        self._optimizer.step()
        return [self._rates.get(id(one), 0.0) for one in self._parameters]

    def now(self) -> list[dict[str, Any]]:
        """Return the settings in the last step."""
        return self._stated

    def moving(self) -> list[tuple[str, ...]]:
        """Return which settings change in the first steps, beside the rate, of each parameter; the clock goes on."""
        first, found = self.settings(), [set[str]() for _ in self._parameters]
        for _ in range(LOOKED_AT):
            self.tick()
            for own, before, names in zip(self._stated, first, found, strict=True):
                names.update({name for name in own.keys() & before.keys() if own[name] != before[name]} - UNMOVED)
        return [tuple(sorted(names)) for names in found]

    def settings(self) -> list[dict[str, Any]]:
        """Return the settings by which each parameter is updated; a method that is none for what they cannot tell."""
        return settings_of(self._optimizer, self._parameters, self._placed)


def rules(model: "TorchModel", optimizer: AnyOptimizer, learning_rates: Sequence[float]) -> Rules:
    """Return the settings of a model's own optimizer, by the name of the weight."""
    placed = placement(model.module, model.table())
    clock = Clock(model.new_optimizer, optimizer, learning_rates, list(model.module.parameters()), placed)
    settings = clock.settings()
    held = zip(held_by(model), settings, clock.moving(), strict=True)
    return {name: own | {"moving": moving} for (names, _), own, moving in held for name in names}


def held_by(model: "TorchModel") -> Iterator[tuple[list[str], Layout | None]]:
    """Yield, of every parameter, the canonical names of what it holds, or torch's name, and the way to one of all."""
    held: dict[int, list[tuple[str, Weight]]] = {}
    for name, entry in model.table().items():
        for tensor in entry.tensors:
            held.setdefault(id(tensor), []).append((name, entry))
    for torch_name, parameter in model.module.named_parameters():
        found = held.get(id(parameter), [])
        layout = found[0][1].whole_layout if found else None
        yield [name for name, _ in found] or [torch_name], layout


class Replacement:
    """Makes an optimizer of plain settings where a model would make its own, with some of them changed."""

    def __init__(self, model: "TorchModel", changes: Sequence[SetUpdate]):
        self._model, self._changes, self._own = model, changes, model.new_optimizer

    def __call__(
        self,
        optimizer: AnyOptimizer,
        learning_rates: Sequence[float],
        parameters: Iterable[nn.Parameter],
        placed: Placement | None = None,
    ) -> torch.optim.Optimizer:
        """Return it, for parameters in the order of the module's."""
        given, held = list(parameters), list(held_by(self._model))
        placed = placed or placement(self._model.module, self._model.table())
        clock = Clock(self._own, optimizer, learning_rates, given, placed)
        moving = Clock(self._own, optimizer, learning_rates, given, placed).moving()
        settings = [own | {"moving": names} for own, names in zip(clock.settings(), moving, strict=True)]
        shares = [own.get("share", 1.0) for own in settings]
        for change in self._changes:
            for own, (names, _) in zip(settings, held, strict=True):
                if not change.weights or not set(names).isdisjoint(change.weights):
                    own[change.setting] = change.value
        return Ruled(given, settings, [layout for _, layout in held], clock.tick, shares, placed, clock.now)


# === Settings of torch's optimizers ===


def settings_of(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], placed: Placement
) -> list[dict[str, Any]]:
    """Return the settings by which an optimizer updates each of a module's parameters, as it has them now.

    The method is none for what they cannot tell; a parameter that is left out has a rate of 0.
    """
    if isinstance(optimizer, Ruled):  # that a change has put there before
        return [dict(group["own"]) for group in optimizer.param_groups]
    steps = getattr(optimizer, STEPS, None)  # of an optimizer of twotrack, in the user's own hands too
    if steps is not None and isinstance(steps.spec, Sophia):
        return [{"method": "Sophia"} for _ in parameters]
    if steps is not None:
        return list(_of_twotrack(steps.spec, parameters, placed))
    kind, groups = type(optimizer), optimizer.param_groups
    of_group = _SETTINGS.get(kind, lambda _: {"method": kind.__name__})
    first = float(groups[0]["lr"])
    shares = [{"share": float(group["lr"]) / first if first else 1.0} for group in groups]
    settings = zip(groups, shares, strict=True)
    found = {id(one): of_group(group) | share for group, share in settings for one in group["params"]}
    left_out = {**of_group(groups[0]), "rate": 0.0}
    return [dict(found.get(id(one), left_out)) for one in parameters]


def _of_twotrack(spec: Optimizer, parameters: Sequence[nn.Parameter], placed: Placement) -> Iterator[dict[str, Any]]:
    chosen = groups_of(placed.numbers, spec.groups)
    for names, parameter in zip(placed.names(len(parameters)), parameters, strict=True):
        name = names[0] if names else ""
        axes = len(placed.shapes[name]) if names else parameter.ndim
        yield of_spec(spec, name, axes, chosen.get(name, PLAIN))


def stated_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return by what settings an optimizer updates the first of its groups; of an unknown one its name alone."""
    kind = type(optimizer)
    return _SETTINGS.get(kind, lambda _: {"method": kind.__name__})(optimizer.param_groups[0])


def _sgd(group: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: group[name] for name in ("momentum", "dampening", "nesterov")}
    return {"method": "sgd", **own, **_decay(group)}


def _adam(group: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": "adam", "amsgrad": group["amsgrad"], **_betas(group, "adam"), **_decay(group)}


def _rmsprop(group: Mapping[str, Any]) -> dict[str, Any]:
    own = {"rho": group["alpha"], "momentum": group["momentum"], "centered": group["centered"]}
    return {"method": "rmsprop", **own, **_epsilon(group, "rmsprop"), **_decay(group)}


def _adagrad(group: Mapping[str, Any]) -> dict[str, Any]:
    own = {"initial": group["initial_accumulator_value"], "rate_decay": group["lr_decay"]}
    return {"method": "adagrad", **own, **_epsilon(group, "adagrad"), **_decay(group)}


def _adadelta(group: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": "adadelta", "rho": group["rho"], "epsilon": group["eps"], **_decay(group)}


def _adamax(group: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": "adamax", **_betas(group, "adamax"), **_decay(group)}


def _nadam(group: Mapping[str, Any]) -> dict[str, Any]:
    # In float64, as updates are compared, torch's default type is that too.
    own = {"momentum_decay": group["momentum_decay"], "single_product": torch.get_default_dtype() == torch.float32}
    return {"method": "nadam", **own, **_betas(group, ""), **_decay(group)}


def _adafactor(group: Mapping[str, Any]) -> dict[str, Any]:
    epsilon, epsilon_2 = group["eps"]
    own = {"epsilon": FLOAT64_EPS if epsilon is None else epsilon, "epsilon_2": epsilon_2, "clip_threshold": group["d"]}
    own |= {"epsilon_place": TORCH_PLACES["adafactor"], "beta_2_decay": group["beta2_decay"]}
    own |= {"factored": "torch", "rms_first": True, "decay": (0.0, float(group["weight_decay"]))}
    return {"method": "adafactor", **own}


FLOAT64_EPS = torch.finfo(torch.float64).eps
"""Torch's own epsilon of Adafactor, in the precision in which updates are compared."""


def _muon(group: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: group[name] for name in ("momentum", "nesterov", "ns_steps")}
    scaled = {"match_rms_adamw": ("longest", 0.2)}.get(group["adjust_lr_fn"], ("tall",))
    own |= {"coefficients": tuple(group["ns_coefficients"]), "scaled": scaled, "rounded": True, "averaged": True}
    own |= {"epsilon": group["eps"], "epsilon_place": TORCH_PLACES["muon"]}
    return {"method": "muon", **own, "decay": (0.0, float(group["weight_decay"]))}


def _betas(group: Mapping[str, Any], method: str) -> dict[str, Any]:
    return {"beta_1": group["betas"][0], "beta_2": group["betas"][1], **_epsilon(group, method)}


def _epsilon(group: Mapping[str, Any], method: str) -> dict[str, Any]:
    place = {"epsilon_place": TORCH_PLACES[method]} if method else {}
    return {"epsilon": group["eps"], **place}


def _decay(group: Mapping[str, Any]) -> dict[str, Any]:
    size = float(group["weight_decay"])
    return {"decay": (0.0, size) if group.get("decoupled_weight_decay") else (size, 0.0)}


_SETTINGS: Mapping[type[torch.optim.Optimizer], Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    torch.optim.SGD: _sgd,
    torch.optim.Adam: _adam,
    torch.optim.AdamW: _adam,
    torch.optim.RMSprop: _rmsprop,
    torch.optim.Adagrad: _adagrad,
    torch.optim.Adadelta: _adadelta,
    torch.optim.Adamax: _adamax,
    torch.optim.NAdam: _nadam,
    torch.optim.Adafactor: _adafactor,
    torch.optim.Muon: _muon,
}
