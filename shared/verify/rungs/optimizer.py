"""The rung optimizer: optimizers apart from any model, and the learning rate of every step that is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import one_line
from twotrack.shared.spec.optimizers import Sophia
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.regularisation import Orthogonal
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import optimizer_material
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, relative, relaxed_constraints
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.side import ObservedSide


@with_config(WITH_ARRAYS)
@dataclass
class OptimizerEvidence:
    """What one side's optimizer did."""

    parameters: list[dict[str, np.ndarray]] = field(default_factory=list)
    """At every checkpoint, those from far weights last; empty of an optimizer that needs a model."""
    relaxed: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)
    """The same with other constraints, by what was changed; see OptimizerRun."""
    unpenalised: list[dict[str, np.ndarray]] = field(default_factory=list)
    """The same without the penalties that this side alone states; empty if there are none."""
    has_own_step: bool = False
    """A training step of the model's own may add penalties, which stand-ins of its weights do not meet."""
    steps: int = optimizer_material.STEPS
    """How far the longer run goes."""
    weights: int = 0
    """That training updates; the stand-ins are fewer where there are many."""
    averages_at_the_end: bool = False
    """See OptimizerRun."""
    learning_rates: list[float] = field(default_factory=list)
    """Of these steps, where they can be read."""
    planned_rates: list[float] = field(default_factory=list)
    """Of each step of all stages of a whole run; none of an optimizer of the user's own."""
    failure: str = ""
    """Why a user's own optimizer does not run on stand-ins."""
    has_steep_penalty: bool = False
    """Its gradient grows faster than the weight, so that large weights may overflow, on both sides alike."""


class OptimizerRung(ProbeRung[OptimizerEvidence]):
    """Lets the optimizer step apart from the model; Sophia cannot, which needs the curvature of one."""

    name = "optimizer"
    evidence = OptimizerEvidence

    def observe(self, side: ObservedSide) -> OptimizerEvidence:
        """Run the optimizer, and ask it for the learning rates of every stage of a run."""
        found, pair = OptimizerEvidence(), side.exercise.pair
        found.has_own_step = bool(side.probe.own_methods)
        found.has_steep_penalty = any(isinstance(one, Orthogonal) for one in pair.penalties)
        if isinstance(pair.optimizer, CustomOptimizer):
            try:
                _run(side, found)
            except Exception as error:  # it may count on the parameters of its model
                found.failure = one_line(error)
        elif not isinstance(pair.optimizer, Sophia):
            _run(side, found)
        for optimizer, rates in side.exercise.planned():
            found.planned_rates += side.probe.learning_rates(optimizer, rates)
        return found

    def compare(
        self, torch: Mapping[Precision, OptimizerEvidence], keras: Mapping[Precision, OptimizerEvidence]
    ) -> RungResult:
        """Compare in float64."""
        return compare_optimized(torch["float64"], keras["float64"])


def _run(side: ObservedSide, found: OptimizerEvidence) -> None:
    """Let the optimizer step on stand-ins of the weights that training updates."""
    pair, trained = side.exercise.pair, side.trained_shapes()
    shapes, found.weights, found.steps = optimizer_material.choose(trained), len(trained), side.exercise.optimizer_steps
    run = side.probe.run_optimizer(
        pair.optimizer,
        pair.learning_rates(optimizer_material.STEPS),
        [
            *optimizer_material.starts(shapes, found.steps),
            *([optimizer_material.calm_start(shapes, found.steps)] if found.has_steep_penalty else []),
        ],
        optimizer_material.draw_gradients(shapes, found.steps),
    )
    found.parameters, found.learning_rates, found.relaxed = run.parameters, run.learning_rates, run.relaxed
    found.averages_at_the_end, found.unpenalised = run.averages_at_the_end, run.unpenalised


_OF_OWN_STEP = Gap(
    GapKind.NOT_RUN,
    "penalties",
    "torch's penalties, which the Keras model's own training step adds, were compared in gradients and training only",
)
CALM_TEXT = " with small gradients"
FAR_TEXT = f" from weights {optimizer_material.FAR:g} times as large"


def _checkpoints(steps: int) -> list[tuple[int, str, float]]:
    """Return them with what a message says of each, and the size of the weights where it began."""
    near = [(step, "", 1.0) for step in optimizer_material.checkpoints(steps)]
    far = [(step, FAR_TEXT, optimizer_material.FAR) for step in optimizer_material.FAR_CHECKPOINTS]
    return near + far + [(step, CALM_TEXT, 1.0) for step in optimizer_material.checkpoints(steps)]


def compare_optimized(torch: OptimizerEvidence, keras: OptimizerEvidence) -> RungResult:
    """Compare two sides, checkpoint by checkpoint, then the learning rates of a whole run.

    Where Keras' constraints make a difference, it is passed over if constraints of which one is as good do not. A
    penalty of torch's that a training step of the Keras model's own may add is left out if nothing differs then.
    """
    if failure := torch.failure or keras.failure:
        why = f"it does not run on stand-ins of the weights ({failure}): its steps are compared in training only"
        gap = Gap(GapKind.NOT_RUN, "optimizer", why)
        return RungResult("optimizer", True, "not run apart from the model", gaps=(gap,))
    result = _compare_parameters(torch, keras, keras.parameters)
    for kind, parameters in keras.relaxed.items():
        if result.passed:
            break
        relaxed = _compare_parameters(torch, keras, parameters)
        if relaxed.passed:
            gap = Gap(GapKind.NO_EFFECT, result.where, relaxed_constraints(kind))
            result = replace(relaxed, gaps=(*relaxed.gaps, gap))
    if not result.passed and keras.has_own_step and torch.unpenalised:
        alone = _compare_parameters(replace(torch, parameters=torch.unpenalised), keras, keras.parameters)
        result = replace(alone, gaps=(*alone.gaps, _OF_OWN_STEP)) if alone.passed else result
    if result.passed and keras.averages_at_the_end:
        gap = Gap(GapKind.NOT_RUN, "optimizer", "Keras replaces the weights by their average when fit ends: not run")
        result = replace(result, gaps=(*result.gaps, gap))
    return result


def _compare_parameters(
    torch: OptimizerEvidence, keras: OptimizerEvidence, parameters: Sequence[Mapping[str, np.ndarray]]
) -> RungResult:
    """Compare each number relative to the largest that it was so far, so that none is drowned by another."""
    limit, worst, largest = TOLERANCES["optimizer"].limit, 0.0, dict[str, np.ndarray]()
    lost: dict[str, str] = {}  # of the run at hand
    calm: Mapping[str, str] | None = None
    ever: dict[str, str] = {}
    pairs = zip(torch.parameters, parameters, strict=True)
    for (step, text, start), (torch_values, keras_values) in zip(
        _checkpoints(torch.steps), pairs, strict=False
    ):  # none of Sophia
        if step == 1:
            lost = {}
        calm = lost if text == CALM_TEXT else None
        before = largest if step > 1 else {}
        largest = {name: np.maximum(before.get(name, start), np.abs(value)) for name, value in torch_values.items()}
        for name in _overflowing(torch_values, keras_values) if torch.has_steep_penalty else ():
            lost.setdefault(name, f"step {step}{text}")
            ever.setdefault(name, lost[name])
        differences = _apart(torch_values, {n: one for n, one in keras_values.items() if n not in lost}, largest)
        if not differences:
            continue
        name = max(differences, key=differences.__getitem__)
        worst = max(worst, differences[name])
        if worst > limit:
            detail = f"optimizer alone, step {step}{text}: '{name}' {_by(worst)}{_rate_hint(torch, keras, step)}"
            return RungResult("optimizer", False, detail, worst, limit=limit, place=FailurePlace.WEIGHT, where=name)
    result = _compare_rates(torch, keras, worst)
    if calm == {} and ever:
        return replace(result, notes=(*result.notes, _overflowed(ever)))
    return replace(result, gaps=(*result.gaps, *_overflows(ever)))


def _overflowing(torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray]) -> list[str]:
    """Return what is no number on both sides any more, as a steep penalty makes of large weights."""
    return [name for name in keras if not (np.isfinite(torch[name]).all() or np.isfinite(keras[name]).all())]


def _overflowed(lost: Mapping[str, str]) -> str:
    """Say that both sides overflow where a penalty drives large weights away, and are one where it does not."""
    names = ", ".join(repr(name) for name in lost)
    return f"a steep penalty drives large {names} to infinity on both sides; with small gradients all steps agree"


def _overflows(lost: Mapping[str, str]) -> list[Gap]:
    if not lost:
        return []
    detail = f"both sides overflow, from {next(iter(lost.values()))} on: compared up to there"
    return [Gap(GapKind.EXTREME, ", ".join(repr(name) for name in lost), detail)]


def _apart(
    torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], largest: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return by how much each parameter differs, each of its numbers relative to the largest."""
    return {name: relative(torch[name] / largest[name], value / largest[name], 1.0) for name, value in keras.items()}


def _by(difference: float) -> str:
    return f"differs by {difference:.1e}" if np.isfinite(difference) else "has NaN or infinity"


def _rate_hint(torch: OptimizerEvidence, keras: OptimizerEvidence, step: int) -> str:
    """Say where the learning rates part, if they do so before a step (1-based) and can be read on both sides."""
    first = first_other_rate(torch.learning_rates, keras.learning_rates)
    if first is None or first >= step:
        return ""
    return f"; {_rates_at(torch.learning_rates, keras.learning_rates, first)}"


def first_other_rate(torch: Sequence[float], keras: Sequence[float]) -> int | None:
    """Return the first step (0-based) at which two sequences of learning rates differ."""
    pairs = enumerate(zip(torch, keras, strict=False))
    return next((step for step, rates in pairs if not isclose(*rates, rel_tol=TOLERANCES["optimizer"].limit)), None)


def _rates_at(torch: Sequence[float], keras: Sequence[float], step: int) -> str:
    return f"from step {step + 1:,} on the learning rate is {keras[step]:.6g} in Keras, {torch[step]:.6g} in torch"


def _compare_rates(torch: OptimizerEvidence, keras: OptimizerEvidence, worst: float) -> RungResult:
    """Compare the rates of a whole run, all stages one after the other."""
    limit, planned = TOLERANCES["optimizer"].limit, len(keras.planned_rates)
    first = first_other_rate(torch.planned_rates, keras.planned_rates)
    if first is not None:
        where = _rates_at(torch.planned_rates, keras.planned_rates, first)
        return RungResult("optimizer", False, f"optimizer alone, {where} ({planned:,} steps planned)", limit=limit)
    if planned != len(torch.planned_rates):
        detail = f"{planned:,} steps have a learning rate in Keras, {len(torch.planned_rates):,} in torch"
        return RungResult("optimizer", False, detail, limit=limit)
    rates = f"{planned:,} learning rates compared"
    if not keras.parameters:
        gap = Gap(
            GapKind.NOT_RUN, "optimizer", "Sophia needs a model's curvature: its steps are compared in training only"
        )
        return RungResult("optimizer", True, rates, counts={"learning rates": planned}, gaps=(gap,))
    values, stand_ins = sum(value.size for value in keras.parameters[-1].values()), len(keras.parameters[-1])
    of = f" of {keras.weights}" if keras.weights > stand_ins else ""
    steps = f"{keras.steps:,} steps of {values:,} values that stand for {stand_ins}{of} weights"
    detail = f"{steps}, {rates}" if planned else f"{steps} compared"
    counts = {"optimizer steps alone": keras.steps} | ({"learning rates": planned} if planned else {})
    return RungResult("optimizer", True, detail, worst, limit=limit, counts=counts)
