"""Changes to a training function of the user's own: what is done to gradients, rates and losses around its steps."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from twotrack.shared.spec.changes import ChangeLoop, SetUpdate
from twotrack.shared.spec.loop import Hear, LoopBatch, LoopNotes, TrainingLoop
from twotrack.torch_track import freezing
from twotrack.torch_track.changes.loop_parts import Parts
from twotrack.torch_track.changes.loop_updates import LoopUpdates
from twotrack.torch_track.changes.ruled import Ruled
from twotrack.torch_track.own_loops import replace_clipping

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

KEYS = {"epsilon": "eps", "rho": "alpha", "rate": "lr"}
"""Of a parameter group, for settings that it calls otherwise."""
BETAS = ("beta_1", "beta_2")


class ChangedLoop:
    """Runs a model's loop with changes."""

    def __init__(self, model: "TorchModel", changes: Sequence[ChangeLoop], updates: Sequence[SetUpdate]):
        self._model, self._changes, self._own, self._steps = model, changes, model.run_loop, 0
        self._parts, self._updates, self._told = Parts(model, ()), updates, list[LoopUpdates]()
        self._inputs: Sequence[Tensor] = ()

    def __call__(self, loop: TrainingLoop, batches: Iterable[LoopBatch], hear: Hear) -> LoopNotes:
        """Do what TorchModel.run_loop does."""
        times = [change.value for change in self._changes if change.what == "multiplies the loss"]
        seen, self._parts = [self._weights()], Parts(self._model, self._changes)

        def changed(loss: float, gradients: Any) -> None:
            self._parts.end()
            loss = self._parts.recorded(loss)
            for factor in times:
                loss *= factor  # type: ignore[operator]
            seen.append(self._weights())
            hear(loss, gradients)

        self._steps, self._told = 0, list(self._by_settings())
        with self._made(loop):
            notes = self._own(loop, self._batches(batches), changed)
        for change in self._changes:
            if change.what == "leaves":
                self._leave(seen, change.value)
        return notes

    def _by_settings(self) -> Iterator[LoopUpdates]:
        for change in self._changes:
            if change.what == "updates by settings":
                yield LoopUpdates(self._model, self._updates, change.value)  # type: ignore[arg-type]

    def _weights(self) -> list[Tensor]:
        return [one.detach().clone() for one in self._model.module.parameters()]

    @torch.no_grad()
    def _leave(self, seen: Sequence[Sequence[Tensor]], value: object) -> None:
        """Leave the weights of the start and of the steps by their shares, or those of the last step."""
        shares = value if isinstance(value, tuple) else (*(0.0,) * (len(seen) - 1), 1.0)
        for weight, *own in zip(self._model.module.parameters(), *seen, strict=True):
            weight.copy_(torch.stack([share * one for share, one in zip(shares, own, strict=True) if share]).sum(0))

    def _batches(self, batches: Iterable[LoopBatch]) -> Iterator[LoopBatch]:
        clears = any(change.what == "clears gradients" for change in self._changes)
        ends = (change.value for change in self._changes if change.what == "ends")
        mode = next((bool(change.value) for change in self._changes if change.what == "trains"), None)
        for batch in islice(batches, next((int(step) for step in ends), None)):  # type: ignore[arg-type]
            if clears:
                self._model.module.zero_grad(set_to_none=True)
            if mode:
                freezing.train_mode(self._model.module)
            self._parts.begin(batch.targets)
            self._inputs = self._model.tensors(batch.inputs)
            yield batch

    @contextmanager
    def _made(self, loop: TrainingLoop) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(register_optimizer_step_pre_hook(lambda optimizer, *_: self._before(optimizer)).remove)
            stack.callback(register_optimizer_step_post_hook(lambda optimizer, *_: self._behind(optimizer)).remove)
            kinds = {change.what for change in self._changes}
            if "keeps gradients" in kinds:
                for owner in (torch.optim.Optimizer, nn.Module):
                    stack.enter_context(patch.object(owner, "zero_grad", lambda *_, **__: None))
            if "clips nothing" in kinds and loop.torch:
                replace_clipping(stack, loop.torch, lambda *_: lambda *_, **__: None)
            if "gives the batch" in kinds:
                stack.callback(self._model.module.register_forward_pre_hook(lambda *_: tuple(self._inputs)).remove)
            self._parts.enter(stack)
            if any(change.what == "trains" and not change.value for change in self._changes):
                for module in self._model.module.modules():
                    stack.enter_context(patch.object(module, "forward", freezing.in_evaluation(module)))
            yield

    def _before(self, optimizer: torch.optim.Optimizer) -> None:
        """Do what is done in front of a step of the user's optimizer."""
        if isinstance(optimizer, Ruled) or self._parts.holds_back(optimizer):
            return
        held = [one for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
        for change in self._changes:
            match change.what:
                case "multiplies gradients":
                    for one in held:
                        one.grad = one.grad * float(change.value)  # type: ignore[arg-type]
                case "clips by norm":
                    _clip(held, float(change.value))  # type: ignore[arg-type]
                case "clips by value":
                    for one in held:
                        one.grad = one.grad.clamp(-float(change.value), float(change.value))  # type: ignore[arg-type]
                case "sets":
                    _set(optimizer, change, self._steps)
        self._steps += 1
        for told in self._told:
            told.step(optimizer)

    def _behind(self, optimizer: torch.optim.Optimizer) -> None:
        for told in [] if isinstance(optimizer, Ruled) else self._told:
            told.end()


def _clip(held: Sequence[nn.Parameter], limit: float) -> None:
    """Clip by the norm of all, without an epsilon."""
    norm = torch.stack([one.grad.square().sum() for one in held]).sum().sqrt()  # type: ignore[union-attr]
    for one in held:
        one.grad = one.grad * torch.where(norm > limit, limit / norm, torch.ones_like(norm))  # type: ignore[operator]


def _set(optimizer: torch.optim.Optimizer, change: ChangeLoop, step: int) -> None:
    """Give all groups a setting; KeyError for one that they do not have."""
    value = change.value[min(step, len(change.value) - 1)] if isinstance(change.value, tuple) else change.value
    for group in optimizer.param_groups:
        if change.name in BETAS:
            betas = list(group["betas"])
            betas[BETAS.index(change.name)] = value
            group["betas"] = tuple(betas)
            continue
        key = KEYS.get(change.name, change.name)
        key = "rho" if key == "alpha" and key not in group else key
        group[key] = type(group[key])(value)
