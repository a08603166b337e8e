"""Worker tasks: the rung's measurement of one side, with a fault planted in every process of the team."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twotrack.shared.spec.replicas import Seat, Share, shares
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
    with planted(request.fault):
        track = open_track(request.side.track, "cpu")
        found = _Faulty(request, track, lambda phase: report(phase, {})).run()
    return evidence.save(found, request.folder)


@task
def follow(request: FaultRequest, report: Report) -> None:
    """Be the other replica, with the same fault."""
    assert request.seat
    with planted(request.fault):
        track = open_track(request.side.track, "cpu")
        side = replicas._side(request, track, lambda phase: report(phase, {}))
        track.follow(side.model, request.seat)


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
def planted(fault: str) -> Iterator[None]:
    """Plant a fault in this process."""
    if not fault:
        yield
        return
    with FAULTS[fault]():
        yield


def _same_rows() -> Any:
    """Give the second replica the rows of the first one."""

    def wrong(self: Seat, rows: int) -> list[Share]:
        return [shares(rows, self.count)[0]] * self.count

    return patch.multiple(Seat, shares=wrong)


def _equal_weights() -> Any:
    """Count every share alike, however many rows it has."""

    def wrong(self: Seat, rows: int) -> list[Share]:
        return [Share(one.begin, one.end, 1.0) for one in shares(rows, self.count)]

    return patch.multiple(Seat, shares=wrong)


def _hooked(hook: Callable[[Any, Any], Any]) -> Any:
    from twotrack.torch_track import replicas as of_torch

    begin = of_torch.Member.begin
    hook.__annotations__ = {}  # torch takes its own types alone

    def begun(member: Any) -> None:
        begin(member)
        member._module.register_comm_hook(None, hook)

    return patch.object(of_torch.Member, "begin", begun)


def _not_averaged() -> Any:
    """Let each replica keep its own gradients."""
    import torch

    def own(state: Any, bucket: Any) -> Any:
        kept = torch.futures.Future()
        kept.set_result(bucket.buffer())
        return kept

    return _hooked(own)


def _summed() -> Any:
    """Add gradients up, and do not divide."""
    from torch import distributed

    def added(state: Any, bucket: Any) -> Any:
        reduced = distributed.all_reduce(bucket.buffer(), async_op=True).get_future()
        return reduced.then(lambda future: future.value()[0])

    return _hooked(added)


def _second_ones_buffers() -> Any:
    """Give all replicas the second one's buffers before each step, and not the leader's."""
    from twotrack.shared.workers.team import Team

    spread = Team.spread

    def wrong(self: Team, tensors: Any, root: int = 0) -> None:
        parameters = [one for one in tensors if one.requires_grad]
        spread(self, parameters)
        spread(self, [one for one in tensors if not one.requires_grad], 1)

    return patch.object(Team, "spread", wrong)


FAULTS: Mapping[str, Callable[[], Any]] = {
    "same rows": _same_rows,
    "equal weights": _equal_weights,
    "not averaged": _not_averaged,
    "summed": _summed,
    "second one's buffers": _second_ones_buffers,
}
