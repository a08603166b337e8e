"""Worker tasks that train a small model for a while, from a state of any track, and leave weights and state."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tests.optimizers import long_cases
from tests.optimizers.long_tasks import PAIR
from tests.optimizers.tasks import one_torch_thread
from twotrack.shared.spec.optimizers import Optimizer, Sophia
from twotrack.shared.spec.sides import SideName
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

STEPS, BATCH = 16, 6
CASES: dict[str, Optimizer] = {**long_cases.CASES, "Sophia": Sophia(1e-3, interval=5)}


@dataclass(frozen=True)
class Leg:
    """Some steps of a training."""

    track: str
    cases: list[str]
    first: int
    stop: int
    """Steps, 0-based, the last one not included."""
    begun: dict[str, "Begun"] = field(default_factory=dict)
    """By case: what the leg before has left; drawn weights and no state without."""


@dataclass(frozen=True)
class Begun:
    """Weights and state, arrays as lists."""

    weights: dict[str, Any]
    averages: dict[str, Any]
    state: dict[str, Any]


@task
def train(leg: Leg) -> dict[str, Begun]:
    """Train every case on."""
    track = open_track(leg.track, "cpu")
    model = track.build(PAIR.side(SideName(leg.track)), 0, "float64")
    with one_torch_thread():
        return {case: _trained(model, leg, case) for case in leg.cases}


def _trained(model: Any, leg: Leg, case: str) -> Begun:
    begun, spec = leg.begun.get(case), CASES[case]
    shapes = model.shapes()
    start = {name: np.array(own) for name, own in begun.weights.items()} if begun else dict(draw_weights(shapes))
    model.load_weights(start)
    model.compile(spec, long_cases.learning_rates(spec, STEPS))
    if begun:
        slots = {name: np.array(own) for name, own in begun.state["slots"].items()}
        model.load_optimizer_state(OptimizerState(**begun.state | {"slots": slots}))
    for step in range(leg.first, leg.stop):
        model.train_step(*_batch(step))
    state = asdict(model.optimizer_state())
    state["slots"] = {name: own.tolist() for name, own in state["slots"].items()}
    left = {name: own.tolist() for name, own in model.weights().items()}
    with model.averaged():
        averages = {name: own.tolist() for name, own in model.weights().items()}
    return Begun(left, averages, state)


def _batch(step: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Tokens (batch, 6) and values (batch, 5, 3), of a batch size that changes."""
    random = np.random.default_rng(step)
    rows = 2 + step % BATCH
    return {"input": random.integers(0, 5, (rows, 6)).astype(np.int32)}, [random.normal(size=(rows, 5, 3))]
