"""Worker tasks that compute probes in Keras, which only the worker imports."""

from dataclasses import dataclass
from typing import Any

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Measured:
    values: dict[str, Any]
    """Results by probe."""
    types: dict[str, str]
    promotion: str
    """Of float64 with float64."""


@task
def table_entry(_: None) -> str:
    from tests.optimizers import measures

    return measures.table_entry()


@task
def wide(_: None) -> Measured:
    from tests.optimizers import measures

    return measures.wide()


@task
def documented_switches_only(_: None) -> Measured:
    from tests.optimizers import measures

    return measures.documented_switches_only()


@task
def before_and_after(_: None) -> list[Measured]:
    from tests.optimizers import measures

    return measures.before_and_after()


@task
def refusal(_: None) -> str | None:
    from tests.optimizers import measures

    return measures.refusal()
