"""Whether two losses are one, batch by batch: rounding is measured, what differs at extremes only is named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import LOSS_ROUNDING, TOLERANCES
from twotrack.shared.spec.probe import LossFacts, LossRun
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.links import LINKS
from twotrack.shared.verify.loss_material import EXACT, LossCase, Outputs, left_out, loss_cases, ordinary
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult

CONDITION = 4 * float(np.finfo(float).eps)
"""What outputs may be off by in the last place: a loss of outputs as near as that is as good as exact."""
SINGLE = float(np.finfo(np.float32).epsneg)
"""Relative: torch's softplus, for one, takes x for log(1 + exp(x)) from 20 on, which is off by less."""
TORCH_DEFAULT = -100
"""Every cross-entropy of torch ignores it, so it says nothing of targets."""


@with_config(WITH_ARRAYS)
@dataclass
class LossEvidence:
    """What one side's loss came to."""

    outputs: Outputs
    facts: LossFacts
    runs: list[LossRun] = field(default_factory=list)
    """Of loss_cases; in float32 of those with one example."""
    left_out: dict[int, LossRun] = field(default_factory=dict)
    """With a label that is perhaps no class among the targets, by label."""

    def probabilities(self, case: LossCase) -> Iterator[np.ndarray]:
        """Yield what a batch's outputs are as probabilities, or what the loss makes such of."""
        links = self.outputs.links
        within = self.facts.within or ("",) * len(links)
        for link, own, values in zip(links, within, case.batch(links).outputs, strict=True):
            if LINKS[own or link].is_probability:
                yield LINKS[own].outputs(values) if own else values


@dataclass(frozen=True)
class Result:
    """A loss and its gradient with respect to the scores before the links."""

    value: float
    gradient: np.ndarray
    """(numbers in the batch,), of all outputs."""
    condition: float
    """How far the last place of the outputs moves the value."""
    error: str = ""

    @property
    def finite(self) -> bool:
        """Neither the value nor any gradient is NaN or infinite."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())


def result_of(case: LossCase, outputs: Outputs, run: LossRun) -> Result:
    """Return what a run says in terms of scores."""
    if run.error:
        return Result(float("nan"), np.empty(0), 0.0, run.error)
    given = case.batch(outputs.links).outputs
    triples = list(zip(outputs.links, given, run.gradients, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        pulled = [LINKS[link].pull(values, gradient.astype(float)) for link, values, gradient in triples]
        condition = CONDITION * sum(float(np.abs(gradient * values).sum()) for _, values, gradient in triples)
    if run.logit_gradients:
        pulled = [one + other for one, other in zip(pulled, run.logit_gradients, strict=True)]
    return Result(run.value, np.concatenate([part.reshape(-1) for part in pulled]), condition)


@dataclass(frozen=True)
class Side:
    """One side's evidence; in float32 too, where what rounding amounts to is asked."""

    found: Mapping[Precision, LossEvidence]

    @property
    def double(self) -> LossEvidence:
        """In float64."""
        return self.found["float64"]

    @cached_property
    def results(self) -> list[Result]:
        """Of loss_cases, in float64."""
        pairs = zip(loss_cases(self.double.outputs), self.double.runs, strict=True)
        return [result_of(case, self.double.outputs, run) for case, run in pairs]

    @cached_property
    def rounding(self) -> dict[str, tuple[float, float]]:
        """How far float32 is from float64 at most in each group: values, and gradients."""
        largest: dict[str, tuple[float, float]] = {}
        for group, double, single in self._in_both():
            value, gradient = largest.get(group, (0.0, 0.0))
            off = float(np.abs(double.gradient - single.gradient).max(initial=0.0))
            largest[group] = max(value, abs(double.value - single.value)), max(gradient, off)
        return largest

    def _in_both(self) -> Iterator[tuple[str, Result, Result]]:
        """Yield group and results of each batch of one example that is finite in both precisions."""
        single = self.found.get("float32")
        if single is None or single.outputs != self.double.outputs:
            return
        pairs = zip(loss_cases(self.double.outputs), self.results, strict=True)
        ones = [(case, result) for case, result in pairs if case.batch_size == 1]
        for (case, double), run in zip(ones, single.runs, strict=True):
            in_single = result_of(case, single.outputs, run)
            if double.finite and in_single.finite:
                yield case.group, double, in_single


@dataclass(frozen=True)
class Difference:
    """How two results of one batch differ."""

    size: float
    text: str
    """What follows "on ... "."""
    gap: str = ""
    """Why it is an exception and no failure; empty if it is one."""


class Comparison:
    """Two sides' losses."""

    def __init__(self, torch: Mapping[Precision, LossEvidence], keras: Mapping[Precision, LossEvidence]):
        self._torch, self._keras = Side(torch), Side(keras)
        self._outputs = self._keras.double.outputs
        self._cases = loss_cases(self._outputs)
        self._limit = TOLERANCES["loss"].limit
        self._is_measured = "float32" in torch and "float32" in keras
        self._in_doubt = False

    def result(self) -> RungResult:
        """Return the first difference that is no exception; else what was compared."""
        result = self._result()
        return replace(result, in_doubt=self._in_doubt)

    def _result(self) -> RungResult:
        gaps: dict[str, Gap] = {}
        worst = 0.0
        for case, torch, keras in self._batches():
            difference = self._difference(case, torch, keras)
            if difference is None:
                worst = max(worst, self._relative(torch, keras))
            elif difference.gap:
                detail = f"{difference.gap}: on {self._where(case)} {difference.text}"
                gaps.setdefault(difference.gap, Gap(GapKind.EXTREME, "loss", detail))
            else:
                detail = f"loss alone: on {self._where(case)} {difference.text}"
                return RungResult(
                    "loss", False, detail, difference.size, limit=self._limit, place=FailurePlace.LOSS, where="loss"
                )
        count = len(list(self._batches()))
        nouns = " and ".join(dict.fromkeys(LINKS[link].noun for link in self._outputs.links))
        detail = f"{count} batches of {nouns} and targets of no model"
        counts = {"losses alone": count}
        return RungResult("loss", True, detail, worst, limit=self._limit, counts=counts, gaps=tuple(gaps.values()))

    def _batches(self) -> Iterator[tuple[LossCase, Result, Result]]:
        """Yield every batch with both results, then those with labels that a side says it leaves out."""
        yield from zip(self._cases, self._torch.results, self._keras.results, strict=True)
        for label in sorted(self._labels()):
            case = left_out(self._outputs, label)
            torch, keras = (
                result_of(case, side.double.outputs, side.double.left_out[label]) for side in (self._torch, self._keras)
            )
            yield case, torch, keras

    def _labels(self) -> set[int]:
        """Return the labels that a side leaves out and both met."""
        said = {self._keras.double.facts.ignored, self._torch.double.facts.ignored}
        if self._keras.double.facts.ignored != TORCH_DEFAULT:
            said.discard(TORCH_DEFAULT)
        return {label for label in self._torch.double.left_out.keys() & self._keras.double.left_out if label in said}

    # === One batch ===

    def _difference(self, case: LossCase, torch: Result, keras: Result) -> Difference | None:
        if torch.error or keras.error:
            return self._raised(torch, keras)
        if not torch.finite and not keras.finite:
            return None
        if torch.finite != keras.finite:
            return self._not_finite(case, torch, keras)
        value, gradient = self._excess(case, torch, keras)
        self._in_doubt |= max(value, gradient) > 1 and not self._is_measured
        return self._too_large(case, torch, keras, value > 1) if max(value, gradient) > 1 else None

    def _too_large(self, case: LossCase, torch: Result, keras: Result, of_value: bool) -> Difference:
        """Say what differs, the value or else the gradient, and what could excuse it."""
        size = self._relative(torch, keras)
        if of_value:
            text = f"the loss is {keras.value:.9g} in Keras, {torch.value:.9g} in torch{self._hint(case)}"
        else:
            text = f"the gradient of the loss differs by {size:.1e}, though the loss is {keras.value:.6g} in both"
        if self._beyond(case):
            return Difference(size, text, self._clipped)
        if case.extreme and size < SINGLE:
            return Difference(size, text, "one side leaves out what float32 has no digits for")
        kink = case.group == EXACT and not of_value
        return Difference(size, text, "gradients differ where the loss has a kink" if kink else "")

    def _raised(self, torch: Result, keras: Result) -> Difference | None:
        """Both may refuse a batch; what one refuses cannot be compared."""
        if torch.error and keras.error:
            return None
        side, error = ("torch", torch.error) if torch.error else ("Keras", keras.error)
        return Difference(float("inf"), f"it raises {error}", f"{side}'s loss does not take every batch")

    def _not_finite(self, case: LossCase, torch: Result, keras: Result) -> Difference:
        finite, other, side = (torch, keras, "Keras") if torch.finite else (keras, torch, "torch")
        text = f"the loss is {keras.value:.6g} in Keras, {torch.value:.6g} in torch"
        if np.isfinite(other.value):
            text += f", its gradient is not finite in {side}"
        reason = ""
        if self._beyond(case):
            reason = self._clipped
        elif _is_nothing(case, finite) and (not case.extreme or _labels_of(case) <= self._uncounted):
            reason = f"{side}'s loss is no number where no target counts"
        elif case.extreme:
            reason = f"{side}'s loss overflows"
        return Difference(float("inf"), text, reason)

    @cached_property
    def _uncounted(self) -> set[int]:
        """The classes that a side says it leaves out, or has no loss for on ordinary outputs.

        On extreme ones a loss of 0 may also be that of a right answer.
        """
        labels = {label for side in (self._torch, self._keras) if (label := side.double.facts.ignored) is not None}
        for case, *sides in zip(self._cases, self._torch.results, self._keras.results, strict=True):
            if not case.extreme and any(one.finite and _is_nothing(case, one) for one in sides):
                labels |= _labels_of(case)
        return labels

    def _excess(self, case: LossCase, torch: Result, keras: Result) -> tuple[float, float]:
        """Return how many times as large as allowed the differences of values and of gradients are."""
        (value_floor, gradient_floor), rounding = self._floors, self._rounding(case)
        allowed = self._limit * max(abs(torch.value), abs(keras.value), value_floor) + rounding[0]
        allowed += torch.condition + keras.condition
        sizes = np.maximum(_row_sizes(case, torch.gradient), gradient_floor)
        gradients = np.abs(torch.gradient - keras.gradient) / (self._limit * sizes + rounding[1])
        return abs(torch.value - keras.value) / allowed, float(gradients.max(initial=0.0))

    def _relative(self, torch: Result, keras: Result) -> float:
        """Return the larger relative difference, of the values and of the gradients."""
        if torch.error or not torch.finite or not keras.finite:
            return 0.0
        (value_floor, gradient_floor) = self._floors
        value = abs(torch.value - keras.value) / max(abs(torch.value), value_floor)
        size = max(float(np.abs(torch.gradient).max(initial=0.0)), gradient_floor)
        return max(value, float(np.abs(torch.gradient - keras.gradient).max(initial=0.0)) / size)

    @cached_property
    def _floors(self) -> tuple[float, float]:
        """The largest loss and gradient of one example of ordinary size, on torch."""
        tiny = float(np.finfo(float).tiny)
        pairs = zip(self._cases, self._torch.results, strict=True)
        ones = [
            one for case, one in pairs if case.group == ordinary(self._outputs) and one.finite and one.gradient.size
        ]
        value = max((abs(one.value) for one in ones), default=0.0)
        gradient = max((float(np.abs(one.gradient).max()) for one in ones), default=0.0)
        return max(value, tiny), max(gradient, tiny)

    def _rounding(self, case: LossCase) -> tuple[float, float]:
        """Return what rounding may do to value and gradient of a batch."""
        nothing = (0.0, 0.0)
        groups = [case.group if case.group in self._torch.rounding else ordinary(self._outputs)]
        found = [side.rounding.get(group, nothing) for side in (self._torch, self._keras) for group in groups]
        value, gradient = (sum(part) for part in zip(*found, strict=True))
        return LOSS_ROUNDING * value, LOSS_ROUNDING * gradient

    # === Probabilities ===

    @property
    def _epsilon(self) -> float:
        return max(self._keras.double.facts.epsilon, self._torch.double.facts.epsilon)

    @property
    def _clipped(self) -> str:
        return f"Keras clips probabilities {self._epsilon:g} from 0 and 1"

    def _beyond(self, case: LossCase) -> bool:
        """Return whether any output of the batch is a probability that Keras' losses clip, or one that rounds to 1.

        So is a logit of which a loss makes such a probability.
        """
        below = 1 - max(self._epsilon, float(np.finfo(float).eps))
        return any(
            bool(((values < self._epsilon) | (values > below)).any())
            for side in (self._torch, self._keras)
            for values in side.double.probabilities(case)
        )

    # === Words ===

    def _where(self, case: LossCase) -> str:
        noun = LINKS[self._outputs.links[0]].noun
        group = case.group.replace("scores", noun) if noun == "outputs" else f"{noun} from {case.group}"
        steps = ", some steps padded" if case.padded and any(self._keras.double.facts.mask_axes) else ""
        return group if case.batch_size == 1 else f"{group}{steps}, in a batch of {case.batch_size},"

    def _hint(self, case: LossCase) -> str:
        return ", though single examples agree" if case.batch_size > 1 and not case.extreme else ""


def _row_sizes(case: LossCase, gradient: np.ndarray) -> np.ndarray:
    """Return, for every number of a gradient, the largest in its row."""
    sizes, start = np.empty_like(gradient), 0
    for scores in case.scores:
        part = np.abs(gradient[start : start + scores.size]).reshape(-1, scores.shape[-1] if scores.ndim > 1 else 1)
        sizes[start : start + scores.size] = np.repeat(part.max(axis=1), part.shape[1])
        start += scores.size
    return sizes


def _is_nothing(case: LossCase, result: Result) -> bool:
    """Return whether all targets of a batch are one class, and its loss and gradient are zero."""
    return len(_labels_of(case)) == 1 and result.value == 0 and not result.gradient.any()


def _labels_of(case: LossCase) -> set[int]:
    """Return the classes that a batch has as targets; none if its targets are numbers."""
    return {int(one) for part in case.targets if np.issubdtype(part.dtype, np.integer) for one in np.unique(part)}


def compare_losses(torch: Mapping[Precision, LossEvidence], keras: Mapping[Precision, LossEvidence]) -> RungResult:
    """Compare two sides in float64; what float32 does differently on either shows how far rounding goes."""
    return Comparison(torch, keras).result()
