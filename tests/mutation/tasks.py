"""Worker task: show one side with a fault planted in this process."""

from contextlib import nullcontext
from dataclasses import dataclass

from tests.mutation.faults import FAULTS
from tests.support.staged import staged
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.observe import observation
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.workers.task import Report, task


@dataclass(frozen=True)
class Planted:
    """A side, and the name of a fault; empty for none."""

    side: SideRequest
    fault: str


@task
def observe(asked: Planted, report: Report) -> Observation:
    with staged(), FAULTS[asked.fault].plant() if asked.fault else nullcontext():
        return observation(asked.side, report)
