"""What it takes to verify a large model, estimated before it starts: memory, disk and time."""

import time
from dataclasses import dataclass

from twotrack.shared.base.sizes import NEED, values_of
from twotrack.shared.verify.passes import rows_at_once
from twotrack.shared.verify.side import ObservedSide

WORKERS_BYTES = 1_000_000_000
"""Of two workers with their frameworks and the libraries of models, without a model."""
COPIES = 5.2
"""Of the weights in float64, in both workers: four of the side that trains (weights, gradients, the optimizer's two
moments), one of the other, and what comes and goes."""
PASSES_AT_ONCE = 1.6
"""Of what all layers give for a batch of wide rows: Keras keeps all of it as long as a pass takes, torch the last."""
DISK_SHARE = 0.5
"""Of the weights in float64: digests of all steps and layers of both sides."""
PASSES, SECONDS_PER_VALUE, SECONDS_PER_BYTE = 110, 7e-7, 6e-8
"""Of one side on one core: passes on a batch that all rungs come to, and time for each value of the weights, and for
each byte of what layers give for wide rows. Measured in docs/reference/sizes.md."""


@dataclass(frozen=True)
class Need:
    """Of two sides, one of which trains at a time."""

    values: int
    """Of the weights."""
    pass_seconds: float
    """That one pass on a batch takes."""
    layer_bytes: float
    """Of what all layers give for a batch of wide rows."""

    @property
    def memory(self) -> float:
        """Bytes, of all processes together."""
        return WORKERS_BYTES + COPIES * 8 * self.values + PASSES_AT_ONCE * self.layer_bytes

    @property
    def disk(self) -> float:
        """Bytes in the folder for temporary files, if the sides agree."""
        return DISK_SHARE * 8 * self.values

    @property
    def minutes(self) -> float:
        """On two cores that have nothing else to do."""
        of_data = SECONDS_PER_VALUE * self.values + SECONDS_PER_BYTE * self.layer_bytes
        return (PASSES * self.pass_seconds + of_data) / 60

    def __str__(self) -> str:
        size = f"{self.memory / 1e9:.1f} GB of memory, {self.disk / 1e9:.1f} GB of disk"
        sides = f"two sides of {self.values:,} weights, each further one half as much again"
        return f"{NEED} {size} and {max(1.0, self.minutes):.0f} min for {sides}"


def need_of(side: ObservedSide) -> Need:
    """Estimate it from two passes."""
    inputs, given = side.exercise.inputs(), list[int]()
    side.probe.visit(inputs, lambda call: given.append(sum(one.nbytes for one in call.outputs) if call.leaf else 0))
    rows = rows_at_once(side.exercise.pair.batch_size) / len(next(iter(inputs.values())))
    side.outputs()  # the first one may compile
    start = time.process_time()
    side.outputs()
    return Need(values_of(side.shapes), time.process_time() - start, rows * sum(given))
