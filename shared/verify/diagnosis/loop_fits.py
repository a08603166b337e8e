"""What a training function's losses hold beside a loss that has a name: penalties of weights, weights of classes."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from twotrack.shared.base.arrays import copies
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Change, ChangeLoop, ChangeLoss, Function
from twotrack.shared.spec.objective import kinds_of
from twotrack.shared.spec.probe import LossBatch
from twotrack.shared.verify.diagnosis import loss_fits, loss_words
from twotrack.shared.verify.diagnosis.loop_losses import TAKES, Taken, is_round
from twotrack.shared.verify.exercise import PairExercise
from twotrack.shared.verify.result import in_short
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.door import torch_track

MOST_CLASSES = 12
"""Whose weights the losses of 20 steps tell."""
PENALTIES: Mapping[str, tuple[str, Callable[[np.ndarray], float]]] = {
    "l2": ("the squares", lambda weight: float(np.square(weight).sum())),
    "l1": ("the absolute values", lambda weight: float(np.abs(weight).sum())),
}


# === Penalties ===


def held(weights: Mapping[str, np.ndarray], apart: float) -> Iterator[Candidate]:
    """Yield penalties of a round strength that make up for what Keras' first loss is larger by."""
    kernels = [name for name in weights if weights[name].ndim > 1]
    groups = dict.fromkeys([tuple(kernels), tuple(weights), *((name,) for name in weights)])
    for names in groups:
        for kind, (_, size) in PENALTIES.items():
            total = sum(size(weights[name]) for name in names)
            strength = loss_fits.rounded(apart / total) if total else 0.0
            if strength and is_round(strength):
                yield _penalised(names, kind, strength)


def _penalised(names: Sequence[str], kind: str, strength: float) -> Candidate:
    strengths = {name: (strength if name == kind else 0.0,) * len(names) for name in ("l1", "l2", "orthogonal")}
    told = f"{abs(strength):g} times {PENALTIES[kind][0]} of {in_short(map(repr, names))}"
    sides = ("Keras", "torch") if strength > 0 else ("torch", "Keras")
    lines = [f"{told} in the loss", f"no {told} in the loss"]
    return Candidate(
        changes=(
            ChangeLoss(function=Function(name="penalties", parameters={"names": tuple(names), **strengths})),
            ChangeLoop(what="adds penalties"),
        ),
        what=f"{sides[0]} adds {told} to the loss, {sides[1]} does not",
        torch_fix=lines[0 if strength > 0 else 1],
        keras_fix=lines[1 if strength > 0 else 0],
        entry="weight_penalties",
    )


# === Weights of classes ===


def weighed(side: ObservedSide, keras: Trace, own: Taken) -> Iterator[Candidate]:
    """Yield weights of the classes with which torch's loss is Keras' in all steps, each on the weights of Keras'."""
    losses = _Losses(side, keras)
    if losses.is_known and losses.target == "classes" and losses.classes <= MOST_CLASSES:
        for weights, by_weights in losses.weights(own):
            function = Function(name="rows", parameters={"weights": weights, "by_weights": by_weights})
            what, torch_fix, keras_fix, entry = loss_words.class_weighed((weights, by_weights), _alike(len(weights)))
            changes: tuple[Change, ...] = (*map(_changed, [*own.functions, function]), TAKES)
            yield Candidate(changes=changes, what=what, torch_fix=torch_fix, keras_fix=keras_fix, entry=entry)


class _Losses:
    """The losses that Keras' function recorded, and what torch's model gives on the same batches and weights."""

    def __init__(self, side: ObservedSide, keras: Trace):
        self._side, self._track, self._wanted = side, torch_track(side.track), np.array(keras.losses)
        side.reset()
        start = copies(side.model.weights())
        before = [start, *keras.weights[:-1]]
        self.is_known = not keras.weights_digested and all(one.keys() == start.keys() for one in before)
        self._batches = self._material(before) if self.is_known else []

    def _material(self, before: Sequence[Mapping[str, np.ndarray]]) -> list[LossBatch]:
        side, exercise, found = self._side, self._side.exercise, list[LossBatch]()
        assert isinstance(exercise, PairExercise)
        shapes = [one.shape for one in side.outputs()]
        for weights, batch in zip(before, exercise.loop_batches(shapes), strict=False):
            side.load(weights)
            outputs = side.model.outputs(batch.inputs)
            found.append(LossBatch(outputs, outputs, batch.targets, [None for _ in outputs]))
        side.reset()
        return found

    @property
    def target(self) -> str:
        """What the only output's loss takes; empty where there are several."""
        (*kinds,) = kinds_of(self._side.exercise.pair.objective, len(self._batches[0].outputs))
        return str(kinds[0]) if len(kinds) == 1 else ""

    @property
    def classes(self) -> int:
        """How many there are."""
        return self._batches[0].outputs[0].shape[-1]

    def weights(self, own: Taken) -> Iterator[tuple[tuple[float, ...], bool]]:
        """Yield weights by class, divided by the number of rows, then by the sum of weights."""
        labels = [one.targets[0].reshape(-1) for one in self._batches]
        rows = np.array([len(one) for one in labels])
        counts = np.stack([np.bincount(one, minlength=self.classes) for one in labels])
        parts = np.stack([self._of_class(own, number) for number in range(self.classes)], axis=1)
        wanted = self._wanted[: len(parts)]
        if found := loss_fits.combination(wanted, parts):
            yield found, False
        if found := loss_fits.mean_weights(wanted, parts * rows[:, None], counts):
            yield found, True

    def _of_class(self, own: Taken, number: int) -> np.ndarray:
        """Return what the rows of a class make of the mean of all, in every step."""
        only = tuple(float(one == number) for one in range(self.classes))
        function = Function(name="rows", parameters={"weights": only})
        with self._track.changed(self._side.model, [*map(_changed, [*own.functions, function])]):
            return np.array([run.value for run in self._side.probe.run_loss(self._batches)])


def _alike(count: int) -> tuple[tuple[float, ...], bool]:
    return (1.0,) * count, False


def _changed(function: Function) -> ChangeLoss:
    return ChangeLoss(function=function)
