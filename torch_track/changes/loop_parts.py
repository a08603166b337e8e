"""Changes inside of a batch of a training function: what backward() is called on, and when the optimizer steps."""

from collections.abc import Sequence
from contextlib import ExitStack
from math import isclose
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._pytree import tree_leaves

from twotrack.shared.spec.changes import ChangeLoop
from twotrack.torch_track.own_loops import replace_backward

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel


class Parts:
    """The parts of a batch, each with a backward() of its own."""

    def __init__(self, model: "TorchModel", changes: Sequence[ChangeLoop]):
        self._model, self._made = model, {change.what: change.value for change in changes}
        self._every = int(self._made.get("steps once") or 0)  # type: ignore[arg-type]
        self._number, self._steps_now = 0, False
        self._optimizer: torch.optim.Optimizer | None = None
        self._values: list[tuple[float, float]] = []
        self._outputs: list[Tensor] = []
        self._targets: Sequence[np.ndarray] = ()
        self._held_back: list[tuple[nn.Parameter, Tensor | None]] = []

    def enter(self, stack: ExitStack) -> None:
        """Make the changes, until the stack ends."""
        if not self._made.keys() & {"takes loss", "adds penalties", "weighs parts", "steps behind parts", "steps once"}:
            return
        stack.callback(self._model.module.register_forward_hook(self._keep).remove)
        replace_backward(stack, self._before_backward, self._behind_backward)
        init, parts = torch.optim.Optimizer.__init__, self

        def begin(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            init(optimizer, *args, **kwargs)
            parts._optimizer = optimizer

        stack.enter_context(patch.object(torch.optim.Optimizer, "__init__", begin))
        if self._every:
            stack.callback(register_optimizer_step_post_hook(lambda *_: self._give_back()).remove)
            for owner in (torch.optim.Optimizer, nn.Module):
                stack.enter_context(patch.object(owner, "zero_grad", lambda *_, **__: None))

    def begin(self, targets: Sequence[np.ndarray]) -> None:
        """Begin with a batch."""
        self._values, self._outputs, self._targets, self._number = [], [], targets, self._number + 1

    def recorded(self, loss: float) -> float:
        """Return what is recorded where changed losses were summed up, averaged or the last one was kept."""
        own, made = ([pair[number] for pair in self._values] for number in (0, 1))
        if not own or own == made:
            return loss
        for size in (1.0, 1 / len(own)):
            if isclose(loss, sum(own) * size, rel_tol=1e-9):
                return sum(made) * size
        return made[-1] if isclose(loss, own[-1], rel_tol=1e-9) else loss

    def end(self) -> None:
        """End a batch: step, if that is what the changes say."""
        if not self._every or self._number % self._every or self._optimizer is None:
            return
        self._step()

    def holds_back(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether a step of the user's is to do nothing, and let it do so."""
        if not self._every or self._steps_now:
            return False
        self._optimizer = optimizer
        held = [one for group in optimizer.param_groups for one in group["params"]]
        self._held_back = [(one, one.grad) for one in held]
        for one in held:
            one.grad = None
        return True

    def _give_back(self) -> None:
        for one, gradient in self._held_back:
            one.grad = gradient
        self._held_back = []

    def _keep(self, _: nn.Module, __: object, outputs: Any) -> None:
        self._outputs = [one for one in tree_leaves(outputs) if isinstance(one, Tensor)]

    def _before_backward(self, loss: Tensor) -> Tensor:
        made = self._model.loss_of(self._outputs, self._targets) if "takes loss" in self._made else loss
        if "adds penalties" in self._made:
            made = made + self._model.terms().penalty()
        if isinstance(shares := self._made.get("weighs parts"), tuple):
            made = made * shares[min(len(self._values), len(shares) - 1)]
        self._values.append((loss.item(), made.item()))
        return made

    def _behind_backward(self) -> None:
        if "steps behind parts" in self._made:
            self._step()

    def _step(self) -> None:
        """Step with what there is of gradients, and let go of them."""
        if self._optimizer is None:
            raise KeyError("the training function makes no optimizer of torch's")
        self._steps_now = True
        self._optimizer.step()
        self._steps_now = False
        for group in self._optimizer.param_groups:
            for one in group["params"]:
                one.grad = None
