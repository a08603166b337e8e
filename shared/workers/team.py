"""Processes that train one model of PyTorch together: how they meet, and what the leader sends to the others.

Arrays go as safetensors, so nothing is unpickled. PyTorch is imported when a team meets, not before.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from time import sleep
from typing import Any

import numpy as np

from twotrack.shared.base import atomic
from twotrack.shared.errors import WorkerDiedError
from twotrack.shared.spec.replicas import Replicas, Seat

_ORDERS = "orders"
_PATIENCE = timedelta(minutes=20)
"""In which every process must have come to the next exchange."""
_CHECK_SECONDS = 0.2
_END_SECONDS = 3.0


@dataclass(frozen=True)
class Message:
    """What the leader wants of a follower."""

    orders: Mapping[str, Any]
    """As JSON has them."""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Team:
    """One process's end of the team; all of a team call `join`, then the same collective operations in one order."""

    def __init__(self, seat: Seat, device: str):
        self.seat, self._device = seat, device
        self.statistics: Any = None
        """Process group for batch statistics, whose exchanges are apart from those of gradients."""

    def join(self) -> None:
        """Meet the others."""
        from torch import distributed

        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine, whose name may lead nowhere
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if self._device == "cuda" else "gloo",
            init_method=self.seat.meeting.as_uri(),
            rank=self.seat.rank,
            world_size=self.seat.count,
            timeout=_PATIENCE,
        )
        self.statistics = distributed.new_group(timeout=_PATIENCE)

    def leave(self) -> None:
        """Let go of the others, if it met them."""
        from torch import distributed

        if self.statistics is not None:
            self.statistics = None
            distributed.destroy_process_group()

    def send(self, rank: int, message: Message) -> None:
        """Send a message to a follower."""
        import torch
        from safetensors.numpy import save
        from torch import distributed

        orders = np.frombuffer(json.dumps(dict(message.orders)).encode(), np.uint8)
        arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
        payload = torch.frombuffer(bytearray(save({_ORDERS: orders, **arrays})), dtype=torch.uint8)
        distributed.send(torch.tensor([len(payload)]), rank)
        distributed.send(payload, rank)

    def receive(self) -> Message:
        """Wait for the leader's next message."""
        import torch
        from safetensors.numpy import load
        from torch import distributed

        size = torch.zeros(1, dtype=torch.int64)
        distributed.recv(size, 0)
        payload = torch.empty(int(size), dtype=torch.uint8)
        distributed.recv(payload, 0)
        arrays = load(payload.numpy().tobytes())
        orders = json.loads(arrays.pop(_ORDERS).tobytes())
        return Message(orders, arrays)

    def spread(self, tensors: Sequence[Any], root: int = 0) -> None:
        """Give all processes the values that the tensors have in one of them, those of a type at once."""
        import torch
        from torch import distributed

        with torch.no_grad():
            for dtype in sorted({one.dtype for one in tensors}, key=str):
                those = [one for one in tensors if one.dtype == dtype]
                flat = torch.cat([one.detach().reshape(-1) for one in those])
                distributed.broadcast(flat, root)
                if self.seat.rank != root:
                    for one, values in zip(those, flat.split([one.numel() for one in those]), strict=True):
                        one.copy_(values.view(one.shape))

    def mean(self, tensor: Any) -> Any:
        """Return the mean of a tensor over all processes."""
        from torch import distributed

        total = tensor.detach().clone()
        distributed.all_reduce(total)
        return total / self.seat.count


class Led:
    """The leader's team: the others are started with the block and end with it."""

    def __init__(self, replicas: Replicas, device: str):
        self._replicas, self._device = replicas, device
        self._stack, self._failures = ExitStack(), list[BaseException]()
        self._threads: list[Thread] = []
        self._met = False

    def __enter__(self) -> "Led":
        folder = self._stack.enter_context(atomic.scratch())
        seats = [self._replicas.seat(rank, folder / "meeting") for rank in range(self._replicas.count)]
        self.team = Team(seats[0], self._device)
        self._threads = [Thread(target=self._follow, args=(seat,), daemon=True) for seat in seats[1:]]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        """End the others. One that failed before is the reason for the leader's own error, and is told in its place."""
        first = self._first_failure() if isinstance(error, RuntimeError) else None
        if error is None:
            self.meet()  # those that were never needed wait for it, and for their end
            for rank in range(1, self._replicas.count):
                self.team.send(rank, Message({"end": True}))
        self.team.leave()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        self._stack.close()
        if first:
            raise first from error

    def _first_failure(self) -> BaseException | None:
        """Return why one of the others ended, which is heard of a moment after its connection broke."""
        for _ in range(int(_END_SECONDS / _CHECK_SECONDS)):
            if self._failures:
                return self._failures[0]
            sleep(_CHECK_SECONDS)
        return None

    def meet(self) -> None:
        """Meet the others, once; WorkerDiedError if one of them ended before."""
        if not self._met:
            self._met = True
            joining = Thread(target=self._joined, daemon=True)
            joining.start()
            while joining.is_alive():
                joining.join(_CHECK_SECONDS)
                if self._failures:
                    raise WorkerDiedError(f"a replica did not start: {self._failures[0]}") from self._failures[0]
            if self._join_error:
                raise self._join_error

    _join_error: Exception | None = None

    def _joined(self) -> None:
        try:
            self.team.join()
        except Exception as error:  # handed on to the thread that waits
            self._join_error = error

    def _follow(self, seat: Seat) -> None:
        try:
            self._replicas.follow(seat)
        except BaseException as error:  # handed on to the leader
            self._failures.append(error)
