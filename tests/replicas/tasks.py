"""Worker tasks: the rung's measurement of one side, with a fault planted in every process of the team."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twotrack.shared.spec.draws import DrawsOfShare, DrawSource
from twotrack.shared.spec.replicas import Replicas, Seat, Share, shares
from twotrack.shared.verify import evidence, replicas
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.processes import Worker
from twotrack.shared.workers.task import Report, task


class FaultRequest(replicas.ReplicasRequest):
    """One side, and what is wrong with its replicas; empty for nothing."""

    fault: str = ""
    seat: Seat | None = None


@task
def measure(request: FaultRequest, report: Report) -> Path:
    """Measure; return the folder of a ReplicasEvidence."""
    with planted(request.fault, request.side.track):
        track = open_track(request.side.track, "cpu")
        found = _Faulty(request, track, lambda phase: report(phase, {})).run()
    return evidence.save(found, request.folder)


@task
def follow(request: FaultRequest, report: Report) -> None:
    """Be the other replica, with the same fault."""
    assert request.seat
    with planted(request.fault, request.side.track):
        track = open_track(request.side.track, "cpu")
        side = replicas._side(request, track, lambda phase: report(phase, {}))
        track.follow(side.model, request.seat)


@task
def scaled_losses(factor: float) -> list[float]:
    """Return twotrack's own losses of outputs 1 and targets 0, a mean and a sum, where Keras scales means so."""
    import keras
    import numpy as np
    from keras.src.losses import loss as loss_module

    from twotrack.keras_track import losses
    from twotrack.shared.spec.loss_specs import SquaredError

    specs = SquaredError(divisor="all"), SquaredError(divisor="nothing")
    with patch.object(loss_module, "scale_loss_for_distribution", lambda value: factor * value):
        found = [losses.build(one)(np.zeros((4, 1)), np.ones((4, 1))) for one in specs]
    return [float(keras.ops.convert_to_numpy(one)) for one in found]


class _Faulty(replicas._Measurement):
    _request: FaultRequest

    def _look_for_cause(self, found: Any, asked: Any, one: Any) -> None:
        """Look only where nothing is planted: that a fault is seen is what a test of it asks."""
        if not self._request.fault:
            super()._look_for_cause(found, asked, one)

    def _follow(self, seat: Seat) -> None:
        with Worker(self._request.side.track, "cpu", 1) as worker:
            worker.call(follow, self._request.model_copy(update={"seat": seat}))


@contextmanager
def planted(fault: str, track: str) -> Iterator[None]:
    """Plant a fault in this process."""
    with ExitStack() as stack:
        for patched in FAULTS[fault][track]() if fault else ():
            stack.enter_context(patched)
        yield


Patches = Sequence[AbstractContextManager[object]]
Plant = Callable[[], Patches]


# === Shares ===


def _same_rows() -> Patches:
    """Give every replica the rows of the first one."""
    return _sharing(lambda rows, count: [shares(rows, count)[0]] * count)


def _equal_weights() -> Patches:
    """Count every share alike, however many rows it has."""
    return _sharing(lambda rows, count: [replace(one, weight=1.0) for one in shares(rows, count)])


def _no_short_share() -> Patches:
    """Leave out what a replica has that got fewer rows than the first."""
    return _sharing(lambda rows, count: [replace(one, weight=float(not one.begin)) for one in shares(rows, count)])


def _sharing(wrong: Callable[[int, int], list[Share]]) -> Patches:
    def of(asked: Seat | Replicas, rows: int) -> list[Share]:
        return wrong(rows, asked.count)

    return [patch.object(Seat, "shares", of), patch.object(Replicas, "shares", of)]


# === Masks ===


def _same_masks() -> Patches:
    """Let every replica draw what the first one draws."""
    return _drawing(lambda share: Share(0, share.end - share.begin, share.weight))


def _other_masks() -> Patches:
    """Let each replica draw rows that are another's."""
    return _drawing(lambda share: Share(1, 1 + share.end - share.begin, share.weight) if not share.begin else share)


def _drawing(wrong: Callable[[Share], Share]) -> Patches:
    begin = DrawsOfShare.__init__

    def begun(draws: DrawsOfShare, source: DrawSource, share: Share, rows: int) -> None:
        begin(draws, source, wrong(share), rows)

    return [patch.object(DrawsOfShare, "__init__", begun)]


# === Gradients, on torch ===


def _hooked(hook: Callable[[Any, Any], Any]) -> Patches:
    from twotrack.torch_track import replicas as of_torch

    begin = of_torch.Member.begin
    hook.__annotations__ = {}  # torch takes its own types alone

    def begun(member: Any) -> None:
        begin(member)
        member._module.register_comm_hook(None, hook)

    return [patch.object(of_torch.Member, "begin", begun)]


def _not_averaged() -> Patches:
    """Let each replica keep its own gradients."""
    import torch

    def own(state: Any, bucket: Any) -> Any:
        kept = torch.futures.Future()
        kept.set_result(bucket.buffer())
        return kept

    return _hooked(own)


def _summed() -> Patches:
    """Add gradients up, and do not divide."""
    from torch import distributed

    def added(state: Any, bucket: Any) -> Any:
        reduced = distributed.all_reduce(bucket.buffer(), async_op=True).get_future()
        return reduced.then(lambda future: future.value()[0])

    return _hooked(added)


def _clipped_first() -> Patches:
    """Clip each replica's own gradients; the optimizer clips their mean once more, which changes nothing."""
    from torch import distributed

    from tests.replicas.pairs import CLIPS

    def clipped(state: Any, bucket: Any) -> Any:
        own = bucket.buffer().clamp(-CLIPS.clip.limit, CLIPS.clip.limit) / 2
        return distributed.all_reduce(own, async_op=True).get_future().then(lambda future: future.value()[0])

    return _hooked(clipped)


# === Gradients, on Keras ===


def _keras_torch_kept(change: Callable[[Any, Any], Any]) -> Patches:
    """Let the leader of Keras on PyTorch update with what `change` makes of the team and its own gradient."""
    from twotrack.keras_track.replicas_torch import _Member

    def averaging(member: Any, apply: Callable[..., Any]) -> Callable[..., Any]:
        def averaged(gradients: Any, variables: Any = None) -> None:
            made = [one if one is None else change(member.team, one) for one in gradients]
            if member.team.seat.rank == 0:
                apply(made, variables)

        return averaged

    return [patch.object(_Member, "_averaging", averaging)]


def _mirrored_scaled(scaled: Callable[[Any, int], Any]) -> Patches:
    """Let a replica's mean loss count otherwise under MirroredStrategy."""
    from twotrack.keras_track.replicas_tensorflow import _Mirrored, _replica

    return [patch.object(_Mirrored, "_scaled", lambda _, value: scaled(value, _replica()))]


def _jax_summed() -> Patches:
    """Give the optimizer gradients of so many times the size where a batch lies on several devices."""
    import keras

    apply = keras.optimizers.Optimizer.stateless_apply

    def applied(optimizer: Any, state: Any, gradients: Any, weights: Any) -> Any:
        factor = keras.distribution.distribution().device_mesh.devices.size if keras.distribution.distribution() else 1
        return apply(optimizer, state, [factor * one for one in gradients], weights)

    return [patch.object(keras.optimizers.Optimizer, "stateless_apply", applied)]


def _jax_cut() -> Patches:
    """Leave out the rows that do not divide, so that an array can lie on the devices in equal parts."""
    import keras

    from twotrack.keras_track.replicas_jax import _OnDevices

    train = _OnDevices.train_on_batch

    def cut(training: Any, model: Any, x: Any, fed: Any, rows: int) -> float:
        kept = rows - rows % training._count
        x, fed = keras.tree.map_structure(lambda array: array[:kept], (x, dict(fed)))
        return train(training, model, x, fed, kept)

    return [patch.object(_OnDevices, "train_on_batch", cut)]


# === State ===


def _second_ones_buffers() -> Patches:
    """Give all replicas the second one's buffers before each step, and not the leader's."""
    from twotrack.shared.workers.team import Team

    spread = Team.spread

    def wrong(self: Team, tensors: Any, root: int = 0) -> None:
        parameters = [one for one in tensors if one.requires_grad]
        spread(self, parameters)
        spread(self, [one for one in tensors if not one.requires_grad], 1)

    return [patch.object(Team, "spread", wrong)]


def _own_running_statistics() -> Patches:
    """Let running statistics take up a replica's own batch, while the whole batch's normalise."""
    from twotrack.torch_track import batch_statistics

    over_all = batch_statistics._over_all

    def wrong(alone: Any) -> Any:
        whole = over_all(alone)

        def batch_norm(
            x: Any, mean: Any, variance: Any, weight: Any, bias: Any, training: bool, momentum: float, eps: float
        ) -> Any:
            if training:
                alone(x.detach(), mean, variance, None, None, training, momentum, eps)
                mean = variance = None
            return whole(x, mean, variance, weight, bias, training, momentum, eps)

        return batch_norm

    return [patch.object(batch_statistics, "_over_all", wrong)]


FAULTS: Mapping[str, Mapping[str, Plant]] = {
    "same rows": dict.fromkeys(("torch", "keras:tensorflow", "keras:torch"), _same_rows),
    "equal weights": {
        "torch": _equal_weights,
        "keras:torch": _equal_weights,
        "keras:tensorflow": lambda: _mirrored_scaled(lambda value, replica: value / 2),
    },
    "short share left out": {
        "torch": _no_short_share,
        "keras:torch": _no_short_share,
        "keras:tensorflow": lambda: _mirrored_scaled(lambda value, replica: value * float(not replica)),
        "keras:jax": _jax_cut,
    },
    "same masks": dict.fromkeys(("torch", "keras:tensorflow", "keras:torch"), _same_masks),
    "other masks": dict.fromkeys(("torch", "keras:tensorflow", "keras:torch"), _other_masks),
    "not averaged": {
        "torch": _not_averaged,
        "keras:torch": lambda: _keras_torch_kept(lambda team, gradient: gradient),
    },
    "summed": {
        "torch": _summed,
        "keras:torch": lambda: _keras_torch_kept(lambda team, gradient: 2 * team.mean(gradient)),
        "keras:tensorflow": lambda: _mirrored_scaled(lambda value, replica: value),
        "keras:jax": _jax_summed,
    },
    "clipped first": {"torch": _clipped_first},
    "second one's buffers": dict.fromkeys(("torch", "keras:torch"), _second_ones_buffers),
    "own running statistics": {"torch": _own_running_statistics},
}
"""By name and track; what one program does for all devices, as on JAX, has few."""
PAIRS = {"clipped first": "CLIPPED", "second one's buffers": "BATCH_NORM", "own running statistics": "BATCH_NORM"}
"""Pairs that show a fault which DENSE does not have."""
