"""Worker tasks: the trainings of tests.specs.cases on one track, by the step that runs take, in float64."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers.tasks import one_torch_thread
from tests.specs import by_hand
from tests.specs.by_hand import Trained, validation_loss
from tests.specs.cases import CASES, EPOCH, FEATURES, STEPS, Case
from twotrack import Pair
from twotrack.shared.runs.judging import Judge
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.objective import OutputLoss
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Plateau
from twotrack.shared.spec.sides import SideName
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

LINKS = {"": None, "softmax": "softmax", "sigmoid": "sigmoid", "positive": "exponential"}


@dataclass(frozen=True)
class Asked:
    """Which trainings, and how much of them."""

    track: str
    kind: str
    """Of CASES."""
    names: list[str]
    steps: int
    """Of STEPS."""


@task
def strays(asked: Asked) -> dict[str, float]:
    """Return the largest difference of each training's weights and losses from NumPy's, relative to what is above 1."""
    track = open_track(asked.track, "cpu")
    with one_torch_thread():
        return {name: _stray(track, CASES[asked.kind][name], asked) for name in asked.names}


def _stray(track: Any, case: Case, asked: Asked) -> float:
    wanted = by_hand.train(case, asked.steps, STEPS)
    found = _trained(track.build(pair(case).side(SideName(asked.track)), 0, "float64"), case, asked.steps)
    assert len(found.losses) == len(wanted.losses), f"{len(found.losses)} steps, wanted {len(wanted.losses)}"
    pairs = [(found.weights[name], own) for name, own in wanted.weights.items()]
    pairs.append((np.array(found.losses), np.array(wanted.losses)))
    return float(np.max([np.max(np.abs(own - other) / np.maximum(1, np.abs(other))) for own, other in pairs]))


def _trained(model: Any, case: Case, steps: int) -> Trained:
    model.load_weights(case.start)
    recipe = Recipe(case.optimizer, case.schedule, 1, 0, early_stopping=case.stopping)
    peak, judge = case.optimizer.learning_rate, Judge(recipe, model)
    planned = [peak * share for share in case.schedule.factors(STEPS)]
    model.compile(case.optimizer, planned)
    losses, share = [], 1.0
    (name, *_) = model_inputs(case)
    for step in range(steps):
        x, targets, weights = case.batch(step)
        losses.append(model.train_step({name: x}, [*targets, *weights]))
        if step % EPOCH == EPOCH - 1 and (case.stopping or isinstance(case.schedule, Plateau)):
            if judge.feed(validation_loss(case, model.weights())):
                break
            if judge.share != share:
                share = judge.share
                model.set_learning_rates([share * rate for rate in planned])
    judge.load_best()
    return Trained(model.weights(), losses)


# === The pair ===


def model_inputs(case: Case) -> dict[str, Input]:
    """Return the only input by its name, which a mask says."""
    (head, *_) = case.heads.values()
    return {head.case.loss.mask or "x": Input((*head.lead[1:], FEATURES))}


def pair(case: Case) -> Pair:
    """Return a linear layer for each output."""
    parts = {name: OutputLoss(head.name or head.case.loss, head.factor) for name, head in case.heads.items()}
    (first, *_) = parts.values()
    loss = parts if len(parts) > 1 else first.loss
    (head, *_) = case.heads.values()
    return Pair(
        lambda: _keras(case), lambda: _torch(case), model_inputs(case), loss, batch_size=head.lead[0],
        penalties=case.penalties,
    )  # fmt: skip


def _keras(case: Case) -> Any:
    import keras

    ((name, spec),) = model_inputs(case).items()
    x = keras.Input(spec.shape, name=name)
    outputs = [
        keras.layers.Dense(head.case.shape[-1], activation=LINKS[head.case.link], name=own)(x)
        for own, head in case.heads.items()
    ]
    return keras.Model(x, outputs if len(outputs) > 1 else outputs[0])


def _torch(case: Case) -> Any:
    from torch import nn

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, head in case.heads.items():
                self.add_module(name, nn.Linear(FEATURES, head.case.shape[-1]))

        def forward(self, x: Any) -> Any:
            links = {"": lambda z: z, "softmax": lambda z: z.softmax(-1), "sigmoid": lambda z: z.sigmoid()}
            found = [
                links.get(head.case.link, lambda z: z.exp())(getattr(self, name)(x))
                for name, head in case.heads.items()
            ]
            return tuple(found) if len(found) > 1 else found[0]

    return Heads()
