"""What a comparison of logs says, as it is printed, stored and drawn."""

from typing import Literal

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.logs.configuration import ConfigurationDifference

Status = Literal["equal", "rounding", "within noise", "parts", "undecided"]
WORDS: dict[Status, str] = {
    "equal": "equal to the last digit",
    "rounding": "rounding",
    "within noise": "within noise",
    "parts": "parts",
    "undecided": "undecided",
}


class MetricResult(FrozenRecord):
    """One metric of two logs."""

    metric: str
    first_name: str
    """The logs' own names."""
    second_name: str
    along: str
    """step, epoch, examples or point: what the positions below count."""
    points: int
    """Compared."""
    status: Status
    detail: str
    """One sentence."""
    first: float | None = None
    """Position from which on they part, as estimated; exact where `exact`."""
    certain: float | None = None
    """Position by which they have parted: nothing before is enough to say so."""
    exact: bool = False
    """The position is that of the first value that differs, and no estimate."""
    equal_until: float | None = None
    """Last position up to which both are equal to the last digit, of logs of one computation."""
    p_value: float | None = None
    difference: float | None = None
    """Mean of second minus first, from `first` on, or over all points."""
    noise: tuple[float, float] | None = None
    """Standard deviation of a step within each log, its trend left out."""
    correlation: float | None = None
    """Of the noise of neighbouring points."""
    relation: str = ""
    """The factor or sum with which nothing is left; empty if there is none."""
    notes: tuple[str, ...] = ()


class LogsResult(FrozenRecord):
    """Two logs, or two groups of logs of repeated trainings."""

    first: tuple[str, ...]
    """Files and folders."""
    second: tuple[str, ...]
    kinds: tuple[str, str]
    """Formats."""
    false_alarms: float
    """Chance at most that one metric or more is said to part though nothing but noise differs."""
    metrics: tuple[MetricResult, ...]
    first_only: tuple[str, ...]
    """Metrics of the first side alone."""
    second_only: tuple[str, ...]
    configuration: ConfigurationDifference

    @property
    def part(self) -> bool:
        """Whether a metric parts."""
        return any(metric.status == "parts" for metric in self.metrics)
