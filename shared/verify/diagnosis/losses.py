"""The search where two losses differ on outputs and targets of no model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import permutations
from math import isclose

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import ChangeLoss, Function
from twotrack.shared.spec.objective import masks_of
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.diagnosis import loss_fits, loss_words, overlaps, usual_losses
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.diagnosis.usual_losses import Known
from twotrack.shared.verify.loss_material import EXACT, LossCase, loss_cases
from twotrack.shared.verify.rungs.loss import LossRung
from twotrack.shared.verify.rungs.loss_comparison import LossEvidence, Result, Side, compare_losses, result_of
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_torch

LIMIT = TOLERANCES["loss"].limit
Row = tuple[np.ndarray, np.ndarray]
"""Scores of one row, and its label."""
NO_SHARE = 1e-12
"""Up to here a share is rounding."""
ROWS = 2000
"""Single rows whose loss is asked for."""
OF_OUTPUTS = {
    "classes": ("log", "softmax", "log_softmax"),
    "binary": ("logit", "sigmoid", "log"),
    "real": ("sigmoid", "softmax", "log", "exp"),
}
"""By kind of target: what may stand in front of a loss on one side only."""
NAMED = {
    "classes": (
        "cross-entropy of logits",
        "cross-entropy of probabilities",
        "cross-entropy of logarithms",
        "cross-entropy of a softmax that is taken for logits",
        "hinge of all other classes",
    ),
    "binary": (
        "binary cross-entropy of logits",
        "binary cross-entropy of probabilities",
        "binary cross-entropy of a sigmoid that is taken for logits",
        "squared error",
        "absolute error",
        "hinge",
        "squared hinge",
        "hinge of targets 0 and 1",
    ),
    "counts": ("Poisson",),
    "real": (
        "squared error",
        "absolute error",
        "Huber",
        "smooth L1",
        "log-cosh",
        "squared error of every output and every target",
        "Poisson",
        "Kullback-Leibler divergence",
        "binary cross-entropy of logits",
        "binary cross-entropy of probabilities",
    ),
}
"""By kind of target: losses that either side may have."""


class LossProposals:
    """What may be to blame for a difference of losses, and what is left of it with that."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._request, self._track = request, open_torch("auto")
        single = ObservedSide(side.exercise, self._track, "float32", lambda _: None)
        self._sides: dict[Precision, ObservedSide] = {"float64": side, "float32": single}
        self._found = request.keras.probe("loss", LossEvidence)
        self._keras, self._own = self._found["float64"], request.torch.probe("loss", LossEvidence)["float64"]
        self._cases = loss_cases(self._keras.outputs)
        self._kept = [number for number, case in enumerate(self._cases) if self._is_plain(number, case)]
        self._sizes = np.array([self._cases[number].batch_size for number in self._kept])
        self._wanted = [self._results[number] for number in self._kept]
        self._target = self._keras.outputs.target
        self._of_names: dict[str, np.ndarray] = {}

    def _is_plain(self, number: int, case: LossCase) -> bool:
        """Return whether a batch is of ordinary size, at no kink, and Keras' loss of it one that no clipping made."""
        outputs = case.batch(self._keras.outputs.links).outputs
        clipped = any(
            link in ("softmax", "sigmoid") and ((one < 1e-6) | (one > 1 - 1e-6)).any()
            for link, one in zip(self._keras.outputs.links, outputs, strict=True)
        )
        return case.group != EXACT and not case.extreme and not clipped and self._results[number].finite

    @cached_property
    def _results(self) -> list[Result]:
        return Side(self._found).results

    # === Measuring ===

    def measure(self, candidate: Candidate) -> float:
        """Return the difference on ordinary batches with changes; if there is none, that of the whole rung."""
        try:
            left = self._left(candidate)
            return left if not left <= LIMIT else self._whole(candidate)
        except Exception:  # whatever the changed loss raises: the candidate is none
            return float("inf")

    def _left(self, candidate: Candidate) -> float:
        value_floor = max(abs(one.value) for one in self._wanted)
        gradient_floor = max(float(np.abs(one.gradient).max(initial=0.0)) for one in self._wanted)
        largest = 0.0
        for torch, keras in zip(self._torch(candidate), self._wanted, strict=True):
            if not torch.finite:
                return float("inf")
            apart = float(np.abs(torch.gradient - keras.gradient).max(initial=0.0)) / (gradient_floor or 1.0)
            largest = max(largest, apart, abs(torch.value - keras.value) / (value_floor or 1.0))
        return largest

    def _torch(self, candidate: Candidate) -> list[Result]:
        """Return what torch's loss comes to on the plain batches with changes."""
        cases = [self._cases[number] for number in self._kept]
        with self._track.changed(self._sides["float64"].model, candidate.changes):
            runs = self._sides["float64"].probe.run_loss([case.batch(self._own.outputs.links) for case in cases])
        return [result_of(case, self._own.outputs, run) for case, run in zip(cases, runs, strict=True)]

    def _values(self, candidate: Candidate) -> np.ndarray:
        return np.array([one.value for one in self._torch(candidate)])

    def _whole(self, candidate: Candidate) -> float:
        """Do what the rung does, in both precisions."""
        evidence: dict[Precision, LossEvidence] = {}
        for precision, side in self._sides.items():
            with self._track.changed(side.model, candidate.changes):
                evidence[precision] = LossRung().observe(side)
        result = compare_losses(evidence, self._found)
        left = result.difference or 0.0
        return min(left, LIMIT) if result.passed else max(left, 2 * LIMIT)

    # === Proposing ===

    @cached_property
    def _keras_values(self) -> np.ndarray:
        return np.array([one.value for one in self._wanted])

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield what both sides state differently, then what is fitted, simplest first."""
        if not self._kept:
            return
        if made is NOTHING:
            yield from self._masks()
            yield from self._divisors()
        now = self._values(made)
        yield from self._smoothing(made, now)
        yield from self._scales(now)
        yield from self._offset(now)
        if made is NOTHING and self._known_torch:
            yield from self._other()
        yield from self._outputs(made)
        if self._target in ("classes", "binary"):
            yield from self._rows(made)
        if made is NOTHING:
            yield _candidate(Function(name="examples"), *loss_words.by_example())
            yield from (self._mapped(name) for name in OF_OUTPUTS.get(self._target, ()))
            if self._target == "sequences":
                yield _candidate(Function(name="by_length"), *loss_words.by_length(True))
                yield _candidate(Function(name="without_length"), *loss_words.by_length(False))
            if self._target == "binary":
                yield from self._overlaps()
            if not self._known_torch:
                yield from self._other()

    def _overlaps(self) -> Iterator[Candidate]:
        """Yield losses of Dice's kind that Keras' values are those of."""
        singles = [place for place, number in enumerate(self._kept) if self._cases[number].batch_size == 1]
        cases = [self._cases[self._kept[place]] for place in singles]
        outputs = [case.batch(self._own.outputs.links).outputs[0] for case in cases]
        keras, torch = (
            list(overlaps.fitted(values[singles], outputs, [case.targets[0] for case in cases]))
            for values in (self._keras_values, self._values(NOTHING))
        )
        own = next((one for one in torch if self._gives(one)), None)
        for one in keras:
            yield _candidate(one.function, *loss_words.overlapping(one, own))

    def _gives(self, overlap: overlaps.Overlap) -> bool:
        """Tell whether torch's loss is one of Dice's kind, also of whole batches."""
        values = self._values(NOTHING)
        return bool(np.allclose(self._values(_on(NOTHING, overlap.function)), values, rtol=loss_fits.SAME, atol=0.0))

    def _masks(self) -> Iterator[Candidate]:
        """Leave out padded steps, where Keras sends masks along with its outputs."""
        for name, spec in (
            self._sides["float64"].exercise.pair.specs.items() if any(self._keras.facts.mask_axes) else ()
        ):
            if spec.kind != "mask":
                function = Function(name="masked", parameters={"input": name})
                yield _candidate(function, *loss_words.masked(name))

    def _divisors(self) -> Iterator[Candidate]:
        """Divide by something else, where batches bring weights or a mask."""
        counts = ["rows", *(["weights"] if any(self._own.outputs.weights) else [])]
        goal = self._sides["float64"].exercise.pair.objective
        counts += ["real rows"] if any(masks_of(goal, len(self._own.outputs.shapes))) else []
        for own, other in permutations(counts, 2):
            function = Function(name="divide", parameters={"own": own, "other": other})
            yield _candidate(function, *loss_words.divided(own, other))

    def _scales(self, now: np.ndarray) -> Iterator[Candidate]:
        law = loss_fits.power_law(self._keras_values, now, self._sizes)
        if law and law != (1.0, 0):
            function = Function(name="scale", parameters={"factor": law[0], "power": law[1]})
            yield _candidate(function, *loss_words.scaled(*law, self._keras.outputs))

    def _offset(self, now: np.ndarray) -> Iterator[Candidate]:
        law = loss_fits.power_law(self._keras_values - now, np.ones_like(now), self._sizes)
        if law:
            function = Function(name="shift", parameters={"offset": law[0], "power": law[1]})
            yield _candidate(function, *loss_words.shifted(*law, self._keras.outputs))

    def _smoothing(self, made: Candidate, now: np.ndarray) -> Iterator[Candidate]:
        """Mix in the mean over all targets, by the share that both sides state, or else that fits."""
        if self._target not in ("classes", "binary"):
            return
        own, keras = (side.loss.get("label_smoothing", 0.0) for side in (self._request.torch, self._request.keras))
        even = self._values(_on(made, Function(name="smooth", parameters={"share": 1.0})))
        fitted = loss_fits.share(self._keras_values, now, even)
        stated = 1 - (1 - keras) / (1 - own) if own < 1 else 0.0
        for found in dict.fromkeys([stated, fitted]):
            if found and abs(found) > NO_SHARE:
                function = Function(name="smooth", parameters={"share": found})
                yield _candidate(function, *loss_words.smoothed(*_smoothed(found, own, keras)))

    def _outputs(self, made: Candidate) -> Iterator[Candidate]:
        count = len(self._keras.outputs.shapes)
        if count == 1:
            return
        alone = [
            Function(name="weigh_outputs", parameters={"factors": tuple(float(n == number) for n in range(count))})
            for number in range(count)
        ]
        parts = np.stack([self._values(_on(made, function)) for function in alone], axis=1)
        if factors := loss_fits.combination(self._keras_values, parts):
            function = Function(name="weigh_outputs", parameters={"factors": factors})
            yield _candidate(function, *loss_words.weighed_outputs(factors))

    def _mapped(self, name: str) -> Candidate:
        function = Function(name="map_outputs", parameters={"name": name})
        return _candidate(function, *loss_words.mapped(name))

    # === Losses of other names ===

    def _other(self) -> Iterator[Candidate]:
        own = self._known_torch
        left_out = self._left_out() if own is None and self._target == "classes" else None
        for known in self._known(self._keras_values):
            words = loss_words.replaced(known, own, self._keras.outputs, left_out)
            yield _candidate(known.function(factor=known.factor, power=known.power), *words)

    @cached_property
    def _known_torch(self) -> Known | None:
        """Torch's loss, if it has a name."""
        return next(self._known(self._values(NOTHING)), None)

    def _known(self, values: Sequence[float] | np.ndarray) -> Iterator[Known]:
        """Yield the named losses that a side's values are a multiple of."""
        for known in self._variants(np.asarray(values)):
            try:
                law = loss_fits.power_law(np.asarray(values), self._named(known), self._sizes)
            except Exception:  # a loss that these outputs and targets are nothing for
                continue
            if law:
                yield replace(known, factor=law[0], power=law[1])

    def _named(self, known: Known) -> np.ndarray:
        """Return the values of a loss that has a name; each is computed once."""
        key = known.function().model_dump_json()
        if key not in self._of_names:
            self._of_names[key] = self._values(_on(NOTHING, known.function()))
        return self._of_names[key]

    def _variants(self, values: np.ndarray) -> Iterator[Known]:
        for name in NAMED.get(self._target, ()):
            if name in ("Huber", "smooth L1"):
                setting = "delta" if name == "Huber" else "beta"
                yield from (Known(name, settings={setting: size}) for size in self._turning_points(values, name))
            else:
                yield Known(name)
        yield from usual_losses.of(self._target)

    def _turning_points(self, values: np.ndarray, name: str) -> list[float]:
        """Solve for the residual from which on a loss grows straight, where single examples have larger ones."""
        found = [1.0]
        absolute = self._values(_on(NOTHING, Function(name="named", parameters={"name": "absolute error"})))
        singles = [n for n in np.argsort(-absolute) if self._sizes[n] == 1][:2]
        if len(singles) == 2:
            slope = (values[singles[0]] - values[singles[1]]) / (absolute[singles[0]] - absolute[singles[1]])
            offset = slope * absolute[singles[0]] - values[singles[0]]
            found += [loss_fits.rounded(float(2 * offset / slope))] if slope > 0 and offset > 0 else []
        return [size for size in dict.fromkeys(found) if 0 < size < 1e4]

    # === Classes ===

    def _rows(self, made: Candidate) -> Iterator[Candidate]:
        """Weigh the losses of rows by class, or leave out those of a label."""
        ignored = self._keras.facts.ignored if self._target == "classes" else None
        if ignored is not None and ignored != self._own.facts.ignored:
            function = Function(name="rows", parameters={"ignored": ignored})
            yield _candidate(function, *loss_words.left_out(ignored, self._own.facts.ignored))
        if made is not NOTHING or (fitted := self._by_class()) is None:
            return
        keras, torch = fitted
        yield from self._by_sum_of_weights()
        for weights, by_weights in keras:
            name = "rows" if self._target == "classes" else "elements"
            function = Function(name=name, parameters={"weights": weights, "by_weights": by_weights})
            own = torch[0] if torch else None
            yield _candidate(function, *loss_words.class_weighed((weights, by_weights), own))

    def _by_sum_of_weights(self) -> Iterator[Candidate]:
        """Divide by the sum of weights where torch weighs rows alike, of which a single one shows its weight."""
        chosen, (sums, counts) = self._table
        divisors = loss_fits.divisors(self._keras_values[chosen], sums, counts)
        if divisors is None or _all_same(divisors) or self._target != "classes":
            return
        parameters = {"weights": (1.0,) * len(divisors), "divisors": divisors, "by_weights": True}
        yield _candidate(
            Function(name="rows", parameters=parameters), *loss_words.class_weighed((divisors, True), (divisors, False))
        )

    def _by_class(self) -> tuple[list[tuple[tuple[float, ...], bool]], ...] | None:
        """Return the weights by class, and whether their sum divides, that fit Keras' values, and torch's."""
        chosen, table = self._table
        if not len(chosen):
            return None
        sums, counts = table
        torch = self._values(NOTHING)[chosen]
        return tuple(_fits(values, sums, counts) for values in (self._keras_values[chosen], torch))

    def _left_out(self) -> int | None:
        """Return the class whose rows torch leaves out of the loss, if there is one."""
        _, (sums, counts) = self._table
        nothing = [n for n in range(sums.shape[1]) if counts[:, n].any() and not np.nan_to_num(sums[:, n]).any()]
        return nothing[0] if len(nothing) == 1 else None

    @cached_property
    def _table(self) -> tuple[list[int], tuple[np.ndarray, np.ndarray]]:
        """Return which batches, and of each the sum of single rows' losses and their count, by class."""
        classes = self._keras.outputs.shapes[0][-1] if self._target == "classes" else 2
        chosen: list[int] = []
        batches: list[Row] = []
        owners: list[tuple[int, int]] = []
        for place, number in enumerate(self._kept):
            rows = [row for one in _rows_of(self._cases[number], self._target == "binary") for row in one]
            if self._cases[number].padded or len(batches) + len(rows) > ROWS or len({r[0].shape for r in rows}) > 1:
                continue
            owners += [(len(chosen), int(np.sum(label))) for _, label in rows]
            batches += rows
            chosen.append(place)
        sums, counts = np.zeros((2, len(chosen), classes))
        for (place, label), loss in zip(owners, self._single(batches), strict=True):
            sums[place, label] += loss
            counts[place, label] += 1
        return chosen, (sums, counts)

    def _single(self, rows: Sequence[Row]) -> list[float]:
        """Return the loss of each row alone."""
        cases = [LossCase("", [scores[None]], [np.array([label])]) for scores, label in rows]
        links = self._own.outputs.links[:1]
        return [run.value for run in self._sides["float64"].probe.run_loss([case.batch(links) for case in cases])]


def _rows_of(case: LossCase, by_element: bool) -> Iterator[list[Row]]:
    """Yield the rows of every output; of binary targets every element is one, with a target (1,)."""
    for scores, targets in zip(case.scores, case.targets, strict=True):
        if by_element:
            yield list(zip(scores.reshape(-1, 1), targets.reshape(-1, 1), strict=True))
            continue
        yield list(zip(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1), strict=True))


def _fits(values: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> list[tuple[tuple[float, ...], bool]]:
    """Return the weights by class that give values: divided by the number of rows, then by the sum of weights."""
    found = []
    if plain := loss_fits.combination(values, sums / counts.sum(axis=1, keepdims=True)):
        found.append((plain, False))
    if (mean := loss_fits.mean_weights(values, sums, counts)) and not (plain and _all_same(plain)):
        found.append((mean, True))
    return found


def _all_same(weights: Sequence[float]) -> bool:
    return all(isclose(one, weights[0], rel_tol=1e-9) for one in weights)


def _smoothed(share: float, own: float, keras: float) -> tuple[float, float]:
    """Return torch's smoothing and Keras', of which one may not be stated, from the share that leads to Keras'."""
    if share < 0:
        return loss_fits.rounded(1 - (1 - keras) / (1 - share)), keras
    return own, loss_fits.rounded(1 - (1 - share) * (1 - own))


def _candidate(function: Function, what: str, torch_fix: str, keras_fix: str, entry: str = "") -> Candidate:
    return Candidate(
        changes=(ChangeLoss(function=function),), what=what, torch_fix=torch_fix, keras_fix=keras_fix, entry=entry
    )


def _on(made: Candidate, function: Function) -> Candidate:
    return made.model_copy(update={"changes": (*made.changes, ChangeLoss(function=function))})
