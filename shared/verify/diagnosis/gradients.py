"""The search where the loss of a step or a gradient differs on equal outputs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Change, ChangeLoss, Function, MapGradient, SetHyperparameter, SetTrained
from twotrack.shared.spec.objective import kinds_of
from twotrack.shared.verify.diagnosis import loss_fits, loss_words
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.loss_fits import rounded
from twotrack.shared.verify.diagnosis.penalties import candidates as penalties_that_differ
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.result import in_short, relative
from twotrack.shared.verify.rungs.gradients import compare_gradients, gradient_scales
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.door import torch_track

LIMIT = TOLERANCES["gradients"].limit
UNKNOWN = 1.0
"""Difference of what has no figure."""
MOST_CLASSES = 100
"""Whose weights are solved for."""
ENOUGH = 1e-9
"""Relative: how well a fitted number must explain a gradient to be put to the test."""


class GradientProposals:
    """What may be to blame for gradients that differ, and what is left of it with that."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._track = side, torch_track(side.track)
        self._torch, self._keras = request.torch.traces["float64"], request.keras.traces["float64"]
        self._where = request.where

    # === Measuring ===

    def measure(self, candidate: Candidate) -> float:
        """Return the difference of the first step with changes: of the loss, or else of the gradients."""
        try:
            result = compare_gradients(self._traced(candidate), self._keras)
        except Exception:  # whatever the changed model raises: the candidate is none
            return float("inf")
        left = UNKNOWN if result.difference is None else result.difference
        return left if result.passed else max(left, 2 * LIMIT)

    def _traced(self, candidate: Candidate) -> Trace:
        if not candidate.changes:
            return self._torch
        with self._track.changed(self._side.model, candidate.changes):
            self._side.reset()
            first = self._side.probe.penalty()
            trained = self._side.trained()
            self._side.reset()
            gradients = self._side.first_gradients()
        self._side.reset()
        penalties = [] if first is None else [first.value, *trained.penalties]
        return replace(self._torch, losses=trained.losses, penalties=penalties, gradients=gradients)

    # === Proposing ===

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield what is trained on one side only, then what the loss holds beside, then what gradients go through."""
        if made is not NOTHING:
            return
        yield from self._trained()
        if self._torch.penalties and not self._torch.digested:
            own = self._torch.penalty_gradients, self._keras.penalty_gradients
            yield from penalties_that_differ(*own, self._side.model.weights())
        yield from self._activities()
        yield from self._scaled_loss()
        yield from self._held()
        yield from self._weighed()
        yield from self._gradients()

    def _trained(self) -> Iterator[Candidate]:
        torch, keras = self._torch.gradients.keys(), self._keras.gradients.keys()
        names = self._side.model.shapes().keys()
        only_torch = [name for name in self._torch.gradients if name not in keras]
        only_keras = [name for name in self._keras.gradients if name not in torch and name in names]
        changes: list[Change] = [SetTrained(names=tuple(only_torch), trained=False)] if only_torch else []
        changes += [SetTrained(names=tuple(only_keras), trained=True)] if only_keras else []
        if not changes:
            return
        yield _of_training(only_torch, only_keras, tuple(changes))

    def _activities(self) -> Iterator[Candidate]:
        """Solve for a penalty of what a layer gives, where one layer of Keras adds to the loss."""
        if len(self._keras.added) != 1 or not self._keras.losses:
            return
        path, extra = next(iter(self._keras.added)), self._keras.pure_losses[0] - self._torch.losses[0]
        for own, values in self._same_as(path):
            for kind, size in (("l2", np.square(values).sum()), ("l1", np.abs(values).sum())):
                if size:
                    yield _activity(path, own, kind, rounded(float(extra / (size / len(values)))))

    def _scaled_loss(self) -> Iterator[Candidate]:
        """A factor of the whole loss, which code around the loss of one side multiplies with."""
        if not self._keras.losses or not self._torch.losses or not self._torch.losses[0]:
            return
        factor = rounded(float(self._keras.pure_losses[0] / self._torch.losses[0]))
        both = [name for name in self._torch.gradients if name in self._keras.gradients]
        scaled = all(_alike([self._wanted(name)], [factor * self._torch.gradients[name]]) for name in both)
        if factor not in (0.0, 1.0) and scaled:
            told = f"{factor:.6g}"
            yield Candidate(
                changes=(_in_steps(Function(name="scale", parameters={"factor": factor, "power": 0})),),
                what=f"in a training step Keras' loss is {told} times torch's, though the losses alone agree: "
                "the model or its compute_loss multiplies it",
                torch_fix=f"the loss of a step times {told}",
                keras_fix="no compute_loss of the model's own, or without the factor",
            )

    def _held(self) -> Iterator[Candidate]:
        """Solve for penalties of weights that Keras' loss holds and does not state, as in a compute_loss."""
        if not (self._torch.penalties or self._keras.penalties) and self._differing:
            apart = {name: self._apart(name) for name in self._differing}
            for one in penalties_that_differ({}, apart, self._side.model.weights()):
                changes = (change.model_copy(update={"in_steps": True}) for change in one.changes)
                yield one.model_copy(update={"changes": tuple(changes)})

    def _weighed(self) -> Iterator[Candidate]:
        """Solve for weights of the classes, which make one gradient of the sum of those of each class's rows."""
        kinds = kinds_of(self._side.exercise.pair.objective, 1)
        classes = self._torch.outputs[0].shape[-1] if len(self._torch.outputs) == 1 else 0
        if not self._differing or kinds[0] != "classes" or not 0 < classes <= MOST_CLASSES:
            return
        parts = [self._flat(self._of_class(number, classes)) for number in range(classes)]
        found = loss_fits.combination(self._flat(self._keras.gradients), np.stack(parts, axis=1))
        if found is None:
            return
        least = min((one for one in found if one > 0), default=1.0)
        plain = [(found, False), (tuple(rounded(one / least) for one in found), True)]
        for weights, by_weights in sorted(plain, key=self._left_of_training):
            words = loss_words.class_weighed((weights, by_weights), ((1.0,) * classes, False))
            yield _of_loss(_rows(weights, by_weights), *words)

    def _of_class(self, number: int, classes: int) -> Mapping[str, np.ndarray]:
        """Return the gradients of the rows of one class, as the mean of all rows has them."""
        only = _of_loss(_rows(tuple(float(one == number) for one in range(classes)), False), "", "", "", "")
        return self._traced(only).gradients

    def _flat(self, gradients: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([gradients[name].ravel() for name in self._torch.gradients])

    def _left_of_training(self, weights: tuple[tuple[float, ...], bool]) -> float:
        """Return how far the losses of all steps are apart with weights of the classes."""
        losses = self._traced(_of_loss(_rows(*weights), "", "", "", "")).losses
        return relative(np.array(losses), np.array(self._keras.losses))

    def _same_as(self, path: str) -> Iterator[tuple[str, np.ndarray]]:
        """Yield torch's layers that give what a layer of Keras gives, and that."""
        wanted = [one for layer in self._keras.layers if layer.path == path for one in layer.outputs]
        for layer in self._torch.layers:
            if layer.outputs and any(relative(layer.outputs[0], one) <= TOLERANCES["forward"].limit for one in wanted):
                yield layer.path, layer.outputs[0]

    # === Gradients ===

    @cached_property
    def _differing(self) -> list[str]:
        """Names of the gradients that differ, beyond rounding."""
        scales = gradient_scales(self._torch)
        both = [name for name in self._torch.gradients if name in self._keras.gradients]
        return [name for name in both if np.abs(self._apart(name)).max(initial=0.0) > LIMIT * scales[name]]

    def _apart(self, name: str) -> np.ndarray:
        return self._wanted(name) - self._torch.gradients[name]

    def _wanted(self, name: str) -> np.ndarray:
        """Return Keras' gradient, without that of a penalty where torch's loss has none, as the rung compares it."""
        penalty = 0.0 if self._torch.penalties else self._keras.penalty_gradients.get(name, 0.0)
        return self._keras.gradients[name] - penalty

    def _gradients(self) -> Iterator[Candidate]:
        names = self._differing
        if not names:
            return
        yield from self._padding(names)
        yield from self._scaled(names)
        yield from self._penalised(names)
        yield from self._clipped(names)
        yield from self._detached(names)

    def _padding(self, names: Sequence[str]) -> Iterator[Candidate]:
        """A row of a table that is trained on one side only."""
        scales = gradient_scales(self._torch)
        for name in (name for name in names if name.endswith(".embeddings")):
            sizes = np.abs(self._apart(name)).max(axis=1)
            path, rows = name.rpartition(".")[0], np.flatnonzero(sizes > LIMIT * scales[name]).tolist()
            still = [row for row in rows if not self._torch.gradients[name][row].any()]
            if still == rows:
                yield _padding_of_torch(path, rows)
            elif not self._wanted(name)[rows].any():
                yield _padding_of_keras(name, rows)

    def _scaled(self, names: Sequence[str]) -> Iterator[Candidate]:
        """Gradients that a constant makes equal: 0 where nothing flows back in Keras."""
        factors = {name: _factor(self._wanted(name), self._torch.gradients[name]) for name in names}
        if None in factors.values():
            return
        by_factor: dict[float, list[str]] = {}
        for name, factor in factors.items():
            by_factor.setdefault(rounded(float(factor or 0.0)), []).append(name)
        yield _candidate_of_factors(by_factor)

    def _penalised(self, names: Sequence[str]) -> Iterator[Candidate]:
        """Solve for the penalty whose gradient is the difference."""
        weights = self._side.model.weights()
        for kind, of_weight in _PENALTIES.items():
            found = {name: _factor(self._apart(name), of_weight(weights[name])) for name in names}
            if None in found.values() or not all(found.values()):
                continue
            by_factor: dict[float, list[str]] = {}
            for name, factor in found.items():
                by_factor.setdefault(rounded(float(factor or 0.0)), []).append(name)
            yield _candidate_of_penalties(kind, by_factor)

    def _clipped(self, names: Sequence[str]) -> Iterator[Candidate]:
        """Gradients that a limit makes equal, in size of each number, of each weight's norm or of the norm of all."""
        wanted, given = ([of(name) for name in self._keras.gradients] for of in (self._wanted, self._given))
        value = max(float(np.abs(self._wanted(name)).max()) for name in names)
        if _alike(wanted, [np.clip(one, -value, value) for one in given]):
            yield _candidate_of_clipping("clip_value", rounded(value), "each number to {:g}", "clip_grad_value_")
        norm = max(float(np.linalg.norm(self._wanted(name))) for name in names)
        if _alike(wanted, [one * norm / max(norm, float(np.linalg.norm(one))) for one in given]):
            yield _candidate_of_clipping(
                "clip_norm", rounded(norm), "each weight's to a norm of {:g}", "clip_grad_norm_"
            )
        whole, own = _norm(wanted), _norm(given)
        if _alike(wanted, [one * whole / own for one in given]):
            yield _candidate_of_clipping("clip_global_norm", rounded(whole), "all to a norm of {:g}", "clip_grad_norm_")

    def _given(self, name: str) -> np.ndarray:
        return self._torch.gradients[name]

    def _detached(self, names: Sequence[str]) -> Iterator[Candidate]:
        """Calls of torch's model that stop gradients, where nothing flows back to these weights."""
        if any(self._torch.gradients[name].any() for name in names):
            return
        for call in self._track.call_alternatives(self._side.model, self._side.exercise.inputs()):
            if any(getattr(change, "function", "") == "detach" for change in call.candidate.changes):
                yield call.candidate.model_copy(
                    update={
                        "what": f"torch lets no gradient flow back to {_quoted(names)} (detach), Keras does",
                        "keras_fix": "keras.ops.stop_gradient at the same place",
                    }
                )


def _in_steps(function: Function) -> ChangeLoss:
    return ChangeLoss(function=function, in_steps=True)


def _rows(weights: tuple[float, ...], by_weights: bool) -> Function:
    return Function(name="rows", parameters={"weights": weights, "by_weights": by_weights})


def _of_loss(function: Function, what: str, torch_fix: str, keras_fix: str, entry: str) -> Candidate:
    changes = (_in_steps(function),)
    return Candidate(changes=changes, what=what, torch_fix=torch_fix, keras_fix=keras_fix, entry=entry)


def _quoted(names: Iterable[str]) -> str:
    return in_short([repr(name) for name in names])


def _factor(wanted: np.ndarray, given: np.ndarray) -> float | None:
    """Return the number that makes one array of the other; None if no number does."""
    square = float(np.square(given).sum())
    if not square:
        return None
    factor = float((wanted * given).sum()) / square
    return factor if np.abs(wanted - factor * given).max() <= ENOUGH * np.abs(given).max() else None


def _activity(path: str, own: str, kind: str, factor: float) -> Candidate:
    parameters = {"path": own, "l2": 0.0, "l1": 0.0, kind: factor}
    told = f"{factor:g} times the {'squares' if kind == 'l2' else 'absolute values'} of what '{path}' gives"
    return Candidate(
        changes=(ChangeLoss(function=Function(name="activity", parameters=parameters)),),
        what=f"Keras adds {told}, summed for each example, to the loss, torch does not",
        torch_fix=f"{told}, summed and divided by the batch size, added to the loss",
        keras_fix=f"no activity regularizer in '{path}'",
    )


def _of_training(only_torch: Sequence[str], only_keras: Sequence[str], changes: tuple[Change, ...]) -> Candidate:
    told, torch_lines, keras_lines = [], [], []
    if only_torch:
        told.append(f"{_quoted(only_torch)} {_is(only_torch)} trained in torch and not in Keras")
        torch_lines.append(f"requires_grad_(False) for {_quoted(only_torch)}")
        keras_lines.append(f"trainable=True for {_quoted(only_torch)}")
    if only_keras:
        told.append(f"{_quoted(only_keras)} {_is(only_keras)} trained in Keras and not in torch")
        torch_lines.append(f"requires_grad_(True) for {_quoted(only_keras)}")
        keras_lines.append(f"trainable=False for {_quoted(only_keras)}")
    return Candidate(
        changes=changes,
        what=", and ".join(told),
        torch_fix="; ".join(torch_lines),
        keras_fix="; ".join(keras_lines),
    )


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _padding_of_torch(path: str, rows: Sequence[int]) -> Candidate:
    told = f"row {rows[0]}" if len(rows) == 1 else f"rows {', '.join(map(str, rows[:4]))}"
    return Candidate(
        changes=(SetHyperparameter(path=path, name="padding_idx", value=None),),
        what=f"torch does not train {told} of '{path}' (padding_idx), Keras does",
        torch_fix=f"no padding_idx in '{path}'",
        keras_fix=f"no gradient for {told} of '{path}'",
        entry="embedding_padding",
    )


def _padding_of_keras(name: str, rows: Sequence[int]) -> Candidate:
    told = f"row {rows[0]}" if len(rows) == 1 else f"rows {', '.join(map(str, rows[:4]))}"
    function = Function(name="zero_rows", parameters={"rows": tuple(rows)})
    path = name.rpartition(".")[0]
    return Candidate(
        changes=(MapGradient(names=(name,), function=function),),
        what=f"no gradient reaches {told} of '{path}' in Keras",
        torch_fix=f"padding_idx in '{path}', or no gradient for {told}",
        keras_fix=f"a model that trains {told} of '{path}'",
        entry="embedding_padding",
    )


def _candidate_of_factors(by_factor: Mapping[float, Sequence[str]]) -> Candidate:
    told, torch_lines, keras_lines, changes = [], [], [], []
    for factor, names in by_factor.items():
        changes.append(MapGradient(names=tuple(names), function=Function(name="scale", parameters={"factor": factor})))
        if factor == 0:
            told.append(f"no gradient reaches {_quoted(names)} in Keras, as behind stop_gradient")
            torch_lines.append(f"detach() in front of what {_quoted(names)} gives, or requires_grad_(False)")
            keras_lines.append(f"no stop_gradient behind {_quoted(names)}")
        else:
            told.append(f"the gradient of {_quoted(names)} is {factor:g} times as large in Keras as in torch")
            torch_lines.append(f"the gradient of {_quoted(names)} times {factor:g}")
            keras_lines.append(f"the gradient of {_quoted(names)} times {1 / factor:g}")
    return Candidate(
        changes=tuple(changes),
        what="; and ".join(told),
        torch_fix="; ".join(torch_lines),
        keras_fix="; ".join(keras_lines),
    )


_PENALTIES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"l2": lambda w: 2 * w, "l1": np.sign}


def _candidate_of_penalties(kind: str, by_factor: Mapping[float, Sequence[str]]) -> Candidate:
    changes = [
        MapGradient(
            names=tuple(names),
            function=Function(name="penalise", parameters={"l2": 0.0, "l1": 0.0, kind: factor}),
        )
        for factor, names in by_factor.items()
    ]
    told = "; and ".join(f"an {kind.upper()} penalty of {factor:g} on {_quoted(n)}" for factor, n in by_factor.items())
    return Candidate(
        changes=tuple(changes),
        what=f"Keras' gradients hold {told}, torch's do not",
        torch_fix=f"{told} in the loss, or in the optimizer's weight_decay",
        keras_fix=f"without {told}",
    )


def _norm(arrays: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(sum(float(np.square(one).sum()) for one in arrays)))


def _alike(wanted: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> bool:
    return all(relative(one, other) <= ENOUGH for one, other in zip(wanted, made, strict=True))


def _candidate_of_clipping(name: str, limit: float, told: str, torch_name: str) -> Candidate:
    return Candidate(
        changes=(MapGradient(names=(), function=Function(name=name, parameters={"limit": limit})),),
        what=f"Keras clips gradients, {told.format(limit)}, torch does not",
        torch_fix=f"nn.utils.{torch_name}(parameters, {limit:g}) before optimizer.step()",
        keras_fix="no clipping",
        entry="clipping",
    )
