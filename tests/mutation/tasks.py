"""Worker tasks: show one side with a fault planted in this process, or do a task of the ladder's with one."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from tests.mutation.faults import FAULTS
from tests.support.staged import staged
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.observe import observation
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.workers.task import Report, find, task


@dataclass(frozen=True)
class Planted:
    """A side, and the name of a fault; empty for none."""

    side: SideRequest
    fault: str


@dataclass(frozen=True)
class PlantedTask:
    """Any task of the ladder's, its request as JSON has it, and the name of a fault; empty for none."""

    module: str
    name: str
    request: Any
    fault: str


@task
def observe(asked: Planted, report: Report) -> Observation:
    with _planted(asked.fault):
        return observation(asked.side, report)


@task
def do(asked: PlantedTask, report: Report) -> Any:
    chosen = find(asked.module, asked.name)
    with _planted(asked.fault):
        return chosen.answer.write(chosen(chosen.request.read(asked.request), report))


def _planted(fault: str) -> AbstractContextManager:
    stack = ExitStack()
    stack.enter_context(staged())
    if fault:
        stack.enter_context(FAULTS[fault].plant())
    return stack
