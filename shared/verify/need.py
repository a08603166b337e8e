"""What it takes to verify a large model, estimated before it starts: memory, disk and time."""

import time
from dataclasses import dataclass

from twotrack.shared.base.sizes import NEED, values_of
from twotrack.shared.verify.side import ObservedSide

WORKERS_BYTES = 2_200_000_000
"""Of two workers with their frameworks and the libraries of models, without a model."""
COPIES = 7.1
"""Of the weights in float64, in both workers: four of the side that trains (weights, gradients, the optimizer's two
moments), one of the other, and what comes and goes. What a pass over large inputs takes comes on top."""
DISK_SHARE = 0.5
"""Of the weights in float64: digests of all steps and layers of both sides."""
PASSES, SECONDS_PER_VALUE = 110, 7e-7
"""Of one side on one core: passes on a batch that all rungs come to, and time for each value of the weights. Measured
in docs/reference/sizes.md."""


@dataclass(frozen=True)
class Need:
    """Of two sides, one of which trains at a time."""

    values: int
    """Of the weights."""
    pass_seconds: float
    """That one pass on a batch takes."""

    @property
    def memory(self) -> float:
        """Bytes, of all processes together."""
        return WORKERS_BYTES + COPIES * 8 * self.values

    @property
    def disk(self) -> float:
        """Bytes in the folder for temporary files, if the sides agree."""
        return DISK_SHARE * 8 * self.values

    @property
    def minutes(self) -> float:
        """On two cores that have nothing else to do."""
        return (PASSES * self.pass_seconds + SECONDS_PER_VALUE * self.values) / 60

    def __str__(self) -> str:
        size = f"{self.memory / 1e9:.1f} GB of memory, {self.disk / 1e9:.1f} GB of disk"
        return f"{NEED} {size} and {max(1.0, self.minutes):.0f} min, for {self.values:,} weights"


def need_of(side: ObservedSide) -> Need:
    """Estimate it from one pass."""
    side.outputs()  # the first one may compile
    start = time.process_time()
    side.outputs()
    return Need(values_of(side.shapes), time.process_time() - start)
