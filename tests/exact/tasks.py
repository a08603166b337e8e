"""Worker tasks: an exact run of a recipe that the tests add, and one with a fault planted."""

from dataclasses import dataclass

from tests.mutation.faults import FAULTS
from tests.support.staged import staged
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.training import train
from twotrack.shared.workers.task import Report, task


@task
def train_staged(job: Job, report: Report) -> None:
    with staged():
        train(job, report)


@dataclass(frozen=True)
class Planted:
    job: Job
    fault: str


@task
def train_with_fault(asked: Planted, report: Report) -> None:
    with FAULTS[asked.fault].plant():
        train(asked.job, report)
