"""Worker tasks: the trainings of tests.specs.cases on one track, by the step that runs take, in float64."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers import formulas, long_cases, long_tasks
from tests.optimizers.tasks import one_torch_thread
from tests.specs import by_hand
from tests.specs.by_hand import Trained, validation_loss
from tests.specs.cases import EPOCH, FEATURES, RATES, STEPS, TRAININGS, Training
from tests.specs.schedules_by_hand import shares
from twotrack import Pair
from twotrack.shared.runs.judging import Judge
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.objective import OutputLoss
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.probe import OptimizerStart
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Plateau
from twotrack.shared.spec.sides import SideName
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

LINKS = {"": None, "softmax": "softmax", "sigmoid": "sigmoid", "positive": "exponential"}


@dataclass(frozen=True)
class Asked:
    """Which training, or which schedule, and how much of it."""

    track: str
    kind: str
    """Of TRAININGS."""
    name: str
    """Of the training, or a name of RATES."""
    steps: int
    """Of STEPS."""


@task
def strays(asked: Asked) -> dict[str, float]:
    """Return for each row the largest difference from NumPy, of weights and losses, relative to what is above 1."""
    training = TRAININGS[asked.kind][asked.name]
    wanted = by_hand.train(training, asked.steps, STEPS)
    track = open_track(asked.track, "cpu")
    with one_torch_thread():
        model = track.build(pair(training).side(SideName(asked.track)), 0, "float64")
        found = _trained(model, training, asked.steps)
    assert len(found.losses) == len(wanted.losses), f"{len(found.losses)} steps, wanted {len(wanted.losses)}"
    of_losses = _apart(np.array(found.losses), np.array(wanted.losses))
    layers = zip(training.heads, training.layers, strict=True)
    return {row: max(of_losses, *_of_layer(name, found, wanted)) for row, name in layers}


def _of_layer(name: str, found: Trained, wanted: Trained) -> list[float]:
    own = [f"{name}.{kind}" for kind in ("kernel", "bias")]
    return [_apart(found.weights[weight], wanted.weights[weight]) for weight in own]


def _apart(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))))


@task
def stray_of_schedule(asked: Asked) -> float:
    """Return the same of the weights of long_cases, which step on drawn gradients at the rates of a schedule."""
    spec, schedule = SGD(0.01, momentum=0.9), RATES[asked.name]
    gradients, begin = long_cases.gradients(asked.steps), long_cases.start()
    model = open_track(asked.track, "cpu").build(long_tasks.PAIR.side(SideName(asked.track)), 0, "float64")
    rates = [spec.learning_rate * share for share in schedule.factors(STEPS)][: asked.steps]
    with one_torch_thread():
        found = model.probe().run_optimizer(spec, rates, [OptimizerStart(begin, [asked.steps])], gradients)
    own = (spec.learning_rate * shares(schedule, STEPS))[: asked.steps].tolist()
    wanted = formulas.train(spec, begin, gradients, own, [1] * asked.steps).weights
    return max(_apart(found.parameters[-1][name], array) for name, array in wanted.items())


def _trained(model: Any, training: Training, steps: int) -> Trained:
    model.load_weights(training.start)
    peak, judge = training.optimizer.learning_rate, Judge(_recipe(training), model)
    planned = [peak * share for share in training.schedule.factors(STEPS)]
    model.compile(training.optimizer, planned)
    losses, share, is_judged = [], 1.0, training.stopping or isinstance(training.schedule, Plateau)
    (name,) = model_inputs(training)
    for step in range(steps):
        x, targets = training.batch(step)
        losses.append(model.train_step({name: x}, [*targets, *training.weights]))
        if is_judged and step % EPOCH == EPOCH - 1:
            if judge.feed(validation_loss(training, model.weights())):
                break
            if judge.share != share:
                share = judge.share
                model.set_learning_rates([share * rate for rate in planned])
    judge.load_best()
    return Trained(model.weights(), losses)


def _recipe(training: Training) -> Recipe:
    return Recipe(training.optimizer, training.schedule, 1, 0, early_stopping=training.stopping)


# === The pair ===


def model_inputs(training: Training) -> dict[str, Input]:
    """Return the only input by its name, which masks say."""
    mask = next((head.case.loss.mask for head in training.heads.values() if head.case.loss.mask), "x")
    return {mask: Input((*training.first.lead[1:], FEATURES))}


def pair(training: Training) -> Pair:
    """Return a linear layer for each head."""
    parts = {name: OutputLoss(head.name or head.case.loss, head.factor) for name, head in training.layers.items()}
    loss = parts if len(parts) > 1 else parts["out0"].loss
    return Pair(
        lambda: _keras(training), lambda: _torch(training), model_inputs(training), loss,
        batch_size=training.first.lead[0], penalties=training.penalties,
    )  # fmt: skip


def _keras(training: Training) -> Any:
    import keras

    ((name, spec),) = model_inputs(training).items()
    x = keras.Input(spec.shape, name=name)
    outputs = [
        keras.layers.Dense(head.case.shape[-1], activation=LINKS[head.case.link], name=own)(x)
        for own, head in training.layers.items()
    ]
    return keras.Model(x, outputs if len(outputs) > 1 else outputs[0])


def _torch(training: Training) -> Any:
    from torch import nn

    links = {"": lambda z: z, "softmax": lambda z: z.softmax(-1), "sigmoid": lambda z: z.sigmoid()}

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, head in training.layers.items():
                self.add_module(name, nn.Linear(FEATURES, head.case.shape[-1]))

        def forward(self, x: Any) -> Any:
            found = tuple(
                links.get(head.case.link, lambda z: z.exp())(getattr(self, name)(x))
                for name, head in training.layers.items()
            )
            return found if len(found) > 1 else found[0]

    return Heads()
