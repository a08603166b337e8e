"""A training function of the user's own at work, and what is seen of the optimizer with which it steps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._pytree import tree_leaves

from twotrack.shared.base.arrays import copies
from twotrack.shared.errors import as_user_error
from twotrack.shared.spec.loop import (
    Feed,
    Hear,
    LoopBatch,
    LoopNotes,
    OddClipping,
    TrainingLoop,
    constant_or_all,
    the_only_or_all,
)
from twotrack.shared.spec.updates import METHODS
from twotrack.torch_track import freezing
from twotrack.torch_track.changes.ruled import Ruled
from twotrack.torch_track.changes.updates import UNMOVED, held_by, settings_of, stated_settings
from twotrack.torch_track.placement import Placement, placement

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

CLIPPINGS = {"clip_grad_norm_": "global_clipnorm", "clip_grad_value_": "clipvalue"}
"""Torch's functions, by the setting that they are."""
Function = Callable[..., Any]


def run(model: "TorchModel", loop: TrainingLoop, batches: Iterable[LoopBatch], hear: Hear) -> LoopNotes:
    """Let a training function train a model; see `TrackModel.run_loop`."""

    def given() -> Iterator[tuple[Any, Any]]:
        for batch in batches:
            notes.batches += 1
            if model.draws:
                model.draws.begin_pass()
            inputs = dict(zip(model.inputs, model.tensors(batch.inputs), strict=True))
            targets = model.target_tensors(batch.targets, len(batch.targets))
            yield the_only_or_all(inputs), targets if len(targets) > 1 else targets[0]

    def read(loss: Any, gradients: Any) -> tuple[float, Any]:
        has_any = any(one.grad is not None for one in model.module.parameters())
        return float(loss), copies(model.gradients()) if has_any else None

    def over(loss: float, gradients: Any) -> None:
        hear(loss, gradients)
        if model.draws:
            model.draws.advance()

    function, feed = loop.of("torch"), Feed(given(), over, read)
    assert function
    model.module.zero_grad(set_to_none=True)
    freezing.train_mode(model.module)
    failed = as_user_error("the torch training function failed")
    with failed, model.drawing(), model.around(), noted(function, model) as notes:
        function(model.module, feed, feed.record)
    feed.require_record()
    return notes


@contextmanager
def noted(function: Function, model: "TorchModel") -> Iterator[LoopNotes]:
    """Note what optimizers that step inside the block have, what gradients are clipped to, and parts of a batch."""
    watch = _Watch(model)
    with ExitStack() as stack:
        stack.callback(register_optimizer_step_pre_hook(lambda optimizer, *_: watch.step(optimizer)).remove)
        replace_clipping(stack, function, watch.clipping)
        stack.callback(model.module.register_forward_hook(watch.forward, with_kwargs=True).remove)
        replace_backward(stack, watch.backward)
        yield watch.notes
        watch.end()


class _Watch:
    """Sees the passes, the clipping and the steps of a training function go by."""

    def __init__(self, model: "TorchModel"):
        self.notes, self._model, self._rows = LoopNotes(), model, 0
        self._parameters = list(model.module.parameters())
        self._optimizer: torch.optim.Optimizer | None = None
        self._stated: list[dict[str, Any]] = []
        """At the first step, of every parameter."""
        self._is_one = True
        """One optimizer at a time had all parameters that are updated."""
        self._rates: list[list[float]] = []
        """Of each step, of every parameter."""
        self._is_fresh = False
        """There was a backward() since the last step."""
        self._unstepped: list[str] = []
        """Functions that clipped since the last step."""

    def forward(self, _: nn.Module, args: tuple, kwargs: dict, __: Any) -> None:
        """Count the rows that the model is given."""
        given = (one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.ndim)
        self._rows = len(next(given, ()))

    def backward(self, loss: Tensor) -> Tensor:
        """Note a part of the first batch; return what backward() is called on, which stays what it is."""
        self._is_fresh = True
        if self.notes.batches == 1:
            self.notes.parts.append(self._rows)
        return loss

    def clipping(self, setting: str, own: Function) -> Function:
        """Return torch's function for clipping, which notes its limit and what is odd about the call."""

        def clip(parameters: Any, limit: float, *args: Any, **kwargs: Any) -> Any:
            held = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            self.notes.clipped[setting] = float(limit)
            for odd in self._odd(setting, held, args, kwargs):
                self.notes.odd_clipping[odd] = setting
            self._unstepped.append(setting)
            return own(held, limit, *args, **kwargs)

        return clip

    def _odd(self, setting: str, held: Sequence[Tensor], args: tuple, kwargs: dict) -> Iterator[OddClipping]:
        if not self._is_fresh:
            yield "behind"
        if setting in self._unstepped:
            yield "each"
        if {id(one) for one in self._parameters if one.grad is not None} - {id(one) for one in held}:
            yield "some"
        if setting == "global_clipnorm" and float(kwargs.get("norm_type", next(iter(args), 2.0))) != 2.0:
            yield "norm"

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Note the settings of the first step, and what becomes another one later; of the user's optimizers alone."""
        if isinstance(optimizer, Ruled):
            return
        self._is_fresh, self._unstepped = False, []
        self.notes.empty_steps += not any(_has_gradient(one) for one in self._parameters)
        self.notes.rates.append(float(optimizer.param_groups[0]["lr"]))
        if optimizer is not self._optimizer:
            self._begin(optimizer)
        rates = {id(one): float(group["lr"]) for group in optimizer.param_groups for one in group["params"]}
        self._rates.append([rates.get(id(one), 0.0) for one in self._parameters])
        for own, now in zip(self._stated, self._settings(optimizer), strict=True):
            moved = {name for name in own.keys() & now.keys() if own[name] != now[name]} - UNMOVED
            own["moving"] = tuple(sorted({*own["moving"], *moved}))

    def _begin(self, optimizer: torch.optim.Optimizer) -> None:
        if self._optimizer is None:
            _state(self.notes, optimizer)
            self._stated = [own | {"moving": ()} for own in self._settings(optimizer)]
        elif _held(optimizer) != _held(self._optimizer):
            self._is_one = False
        self._optimizer = optimizer
        self.notes.begun.append(len(self._rates))

    def _settings(self, optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
        return settings_of(optimizer, self._parameters, self._placed)

    @cached_property
    def _placed(self) -> Placement:
        return placement(self._model.module, self._model.table())

    def end(self) -> None:
        """Tell the settings by weight, if one optimizer at a time had them all, and they tell what it does."""
        if not self._rates or not self._is_one or self.notes.method not in METHODS:
            return
        of_each = zip(*self._rates, strict=True)
        for (names, _), own, rates in zip(held_by(self._model), self._stated, of_each, strict=True):
            for name in names:
                self.notes.rules[name] = own | {"share": 1.0, "rate": constant_or_all(rates)}


def _has_gradient(parameter: nn.Parameter) -> bool:
    gradient = parameter.grad
    return gradient is not None and (gradient.is_sparse or bool(gradient.any()))


def _held(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(one) for group in optimizer.param_groups for one in group["params"]}


def replace_backward(
    stack: ExitStack, before: Callable[[Tensor], Tensor], behind: Callable[[], None] = lambda: None
) -> None:
    """Let backward() be called on what `before` makes of a loss, and `behind` when it is over."""
    own, inside = Tensor.backward, list[bool]()

    def backward(loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if inside:  # a mode that sees all of torch's functions calls it once more
            own(loss, *args, **kwargs)
            return
        inside.append(True)
        try:
            own(before(loss), *args, **kwargs)
        finally:
            inside.clear()
        behind()

    stack.enter_context(patch.object(Tensor, "backward", backward))


def replace_clipping(stack: ExitStack, function: Function, make: Callable[[str, Function], Function]) -> None:
    """Put other functions in the place of torch's for clipping, where a function of the user's finds them."""
    for name, setting in CLIPPINGS.items():
        own = getattr(nn.utils, name)
        made = make(setting, own)
        stack.enter_context(patch.object(nn.utils, name, made))
        names = getattr(function, "__globals__", {})
        imported = {known: made for known, value in names.items() if value is own}
        stack.enter_context(patch.dict(names, imported))


def _state(notes: LoopNotes, optimizer: torch.optim.Optimizer) -> None:
    stated = stated_settings(optimizer)
    notes.method = stated["method"]
    if notes.method not in METHODS:
        stated = stated | _numbers(optimizer.param_groups[0])
    notes.settings |= {name: float(value) for name, value in stated.items() if isinstance(value, int | float)}


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a group of an optimizer that is no one's says, by the names that Keras has for it."""
    first, second = group.get("betas", (None, None))
    found = {**group, "epsilon": group.get("eps"), "beta_1": first, "beta_2": second}
    return {name: value for name, value in found.items() if name not in ("lr", "eps") and value is not None}
