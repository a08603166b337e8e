"""Training steps of one module on several replicas, each a process: DistributedDataParallel averages the gradients.

The leader has the data, the optimizer and everything that a run writes. Before each step all replicas get its weights
and buffers, so a follower keeps nothing from step to step: what they can differ in is their share and its gradients.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from twotrack.shared.spec.draws import DrawsOfShare, SharedDraws
from twotrack.shared.spec.replicas import Share
from twotrack.shared.spec.transfer import HEAD
from twotrack.shared.workers.team import Led, Message, Team
from twotrack.torch_track import batch_statistics
from twotrack.torch_track.freezing import FROZEN

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

SEEDS = 2**31
_INPUT, _TARGET = "input:", "target:"


class _Replicated(DistributedDataParallel):
    """Torch's, which takes SyncBatchNorm on a CPU too: batch_statistics does there what it asks for."""

    def _passing_sync_batchnorm_handle(self, module: nn.Module) -> None:
        """Let layers pass that torch refuses on a CPU."""


class Member:
    """A model as one of the replicas that train it."""

    def __init__(self, model: "TorchModel", team: Team, part: str = ""):
        self.model, self.team, self.part = model, team, part
        self._module: nn.Module | None = None

    def begin(self) -> None:
        """Wrap the module anew, as which of its weights are trained may have changed; all members do so at once."""
        self._module = _Replicated(self.model.module, find_unused_parameters=True)

    def end(self) -> None:
        """Let go of the wrapper."""
        self._module = None

    @property
    def has_begun(self) -> bool:
        """The module is wrapped."""
        return self._module is not None

    def step(
        self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray], share: Share, rows: int, factor: float
    ) -> Tensor:
        """Leave the mean of all replicas' gradients in the parameters; return the whole batch's loss."""
        model, module, draws = self.model, self.model.module, self.model.draws
        alone = model.called
        assert self._module is not None
        self.team.spread([*module.parameters(), *module.buffers()])
        module.zero_grad(set_to_none=True)
        model.draws = draws and DrawsOfShare(draws, share, rows)
        model.called = self._module
        try:
            with self._statistics(), model.drawing():
                loss = model.loss_value(model.tensors(inputs), targets) * factor
                loss.backward()
        finally:
            model.draws, model.called = draws, alone
        return self.team.mean(loss)

    def _statistics(self) -> AbstractContextManager:
        """Return what a step runs in, so that batch normalisation is as it was asked for."""
        chosen = batch_statistics.shared_by if self.team.seat.synchronised else batch_statistics.as_asked_for
        return chosen(self.team.statistics)


class Leader(Member):
    """Shares each batch out."""

    def __init__(self, model: "TorchModel", led: Led, part: str = ""):
        super().__init__(model, led.team, part)
        self.led = led

    def backward(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> Tensor:
        """Leave the gradients of the loss of a batch in the parameters; return the loss."""
        self.led.meet()
        rows = len(targets[0])
        parts = self.team.seat.shares(rows)
        orders = self._orders() | {"rows": rows}
        for rank, share in list(enumerate(parts))[1:]:
            named = {f"{_INPUT}{name}": array[share.rows] for name, array in inputs.items()}
            named |= {f"{_TARGET}{number}": target[share.rows] for number, target in enumerate(targets)}
            seed = int(torch.randint(SEEDS, ()))  # of the leader's generator, so that it decides for all
            self.team.send(rank, Message(orders | {"share": vars(share), "seed": seed}, named))
        if not self.has_begun:
            self.begin()
        own = {name: array[parts[0].rows] for name, array in inputs.items()}
        return self.step(own, [target[parts[0].rows] for target in targets], parts[0], rows, parts[0].weight)

    def of_part(self, model: "TorchModel", part: str) -> "Leader":
        """Return the leader of a part of the model, in the same team."""
        return Leader(model, self.led, part)

    def _orders(self) -> dict[str, object]:
        """Return what a follower has to know of the model; what is trained where that may have changed."""
        module, draws = self.model.module, self.model.draws
        orders: dict[str, object] = {"part": self.part}
        if isinstance(draws, SharedDraws):
            orders["step"] = draws.step
        if not self.has_begun:
            orders["trained"] = [name for name, one in module.named_parameters() if one.requires_grad]
            orders["frozen"] = [name for name, layer in module.named_modules() if getattr(layer, FROZEN, False)]
        return orders


class Follower:
    """Does what the leader says, until that is over."""

    def __init__(self, model: "TorchModel", team: Team):
        self._team, self._members = team, {"": Member(model, team)}

    def follow(self) -> None:
        """Join, and help with every step."""
        self._team.join()
        while not (message := self._team.receive()).orders.get("end"):
            self._help(message)
        self._team.leave()

    def _help(self, message: Message) -> None:
        orders = message.orders
        member = self._member(str(orders["part"]))
        model, share = member.model, Share(**orders["share"])
        if "trained" in orders:
            _freeze(model.module, orders["trained"], orders["frozen"])
            member.begin()
        if isinstance(model.draws, SharedDraws):
            model.draws.restart(int(orders["step"]))
        torch.manual_seed(int(orders["seed"]))
        inputs = {name: message.arrays[f"{_INPUT}{name}"] for name in model.inputs}
        count = len([name for name in message.arrays if name.startswith(_TARGET)])
        targets = [message.arrays[f"{_TARGET}{number}"] for number in range(count)]
        member.step(inputs, targets, share, int(orders["rows"]), share.weight)

    def _member(self, part: str) -> Member:
        if part not in self._members:
            assert part == HEAD
            self._members[part] = Member(self._members[""].model.head(), self._team, part)
        return self._members[part]


def _freeze(module: nn.Module, trained: Sequence[str], frozen: Sequence[str]) -> None:
    """Train what the leader trains."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in trained)
    for name, layer in module.named_modules():
        setattr(layer, FROZEN, name in frozen)
