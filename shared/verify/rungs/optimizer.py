"""The rung optimizer: optimizers apart from any model, and the learning rate of every step that is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.recipes import Sophia
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import optimizer_material
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, relative
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.side import ObservedSide


@with_config(WITH_ARRAYS)
@dataclass
class OptimizerEvidence:
    """What one side's optimizer did."""

    parameters: list[dict[str, np.ndarray]] = field(default_factory=list)
    """At every checkpoint; empty of an optimizer that needs a model."""
    learning_rates: list[float] = field(default_factory=list)
    """Of these steps, where they can be read."""
    planned_rates: list[float] = field(default_factory=list)
    """Of each step of all stages of a whole run; none of an optimizer of the user's own."""
    failure: str = ""
    """Why an optimizer of the user's own does not run on parameters of no model; empty if it does."""
    constrained: list[str] = field(default_factory=list)
    """Weights that their layer changes after every step."""


class OptimizerRung(ProbeRung[OptimizerEvidence]):
    """Lets the optimizer step apart from the model; Sophia cannot, which needs the curvature of one."""

    name = "optimizer"
    evidence = OptimizerEvidence

    def observe(self, side: ObservedSide) -> OptimizerEvidence:
        """Run the optimizer, and ask it for the learning rates of every stage of a run."""
        found, pair = OptimizerEvidence(constrained=side.probe.constrained()), side.exercise.pair
        if isinstance(pair.optimizer, CustomOptimizer):
            try:
                _run(side, found)
            except Exception as error:  # it may count on the parameters of its model
                found.failure = str(error) if isinstance(error, UserError) else one_line(error)
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
    """Run the pair's optimizer on parameters of no model."""
    pair = side.exercise.pair
    run = side.probe.run_optimizer(
        pair.optimizer,
        pair.learning_rates(optimizer_material.STEPS),
        optimizer_material.draw_parameters(),
        optimizer_material.draw_gradients(),
        optimizer_material.CHECKPOINTS,
    )
    found.parameters, found.learning_rates = run.parameters, run.learning_rates


def compare_optimized(torch: OptimizerEvidence, keras: OptimizerEvidence) -> RungResult:
    """Compare two sides, checkpoint by checkpoint, then the learning rates of a whole run.

    Where layers of Keras keep their weights in bounds, torch does so in its optimizer: then they may differ alone.
    """
    if failure := torch.failure or keras.failure:
        return _in_training_only(f"it does not run on parameters of no model ({failure})")
    result = _compare_steps(torch, keras)
    if not keras.constrained:
        return result
    if not result.passed:
        bound = ", ".join(f"'{name}'" for name in keras.constrained)
        return _in_training_only(f"{bound} have constraints in Keras, and alone the optimizers differ")
    unseen = "its constraint in Keras is compared on the weights of the short training only"
    return replace(result, gaps=tuple(Gap(GapKind.PIECE, name, unseen) for name in keras.constrained))


def _in_training_only(why: str) -> RungResult:
    gap = Gap(GapKind.NOT_RUN, "optimizer", f"{why}: its steps are compared in training only")
    return RungResult("optimizer", True, "not run apart from the model", gaps=(gap,))


def _compare_steps(torch: OptimizerEvidence, keras: OptimizerEvidence) -> RungResult:
    limit, worst = TOLERANCES["optimizer"].limit, 0.0
    pairs = zip(torch.parameters, keras.parameters, strict=True)
    for step, (torch_values, keras_values) in zip(
        optimizer_material.CHECKPOINTS, pairs, strict=False
    ):  # none of Sophia
        differences = {name: relative(torch_values[name], value) for name, value in keras_values.items()}
        name = max(differences, key=differences.__getitem__)
        worst = max(worst, differences[name])
        if worst > limit:
            detail = f"optimizer alone, step {step}: '{name}' {_by(worst)}{_rate_hint(torch, keras, step)}"
            return RungResult("optimizer", False, detail, worst, limit=limit, place=FailurePlace.WEIGHT, where=name)
    return _compare_rates(torch, keras, worst)


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
    values = sum(value.size for value in keras.parameters[-1].values())
    steps = f"{optimizer_material.STEPS:,} steps of {values} values of no model"
    detail = f"{steps}, {rates}" if planned else f"{steps} compared"
    counts = {"optimizer steps alone": optimizer_material.STEPS} | ({"learning rates": planned} if planned else {})
    return RungResult("optimizer", True, detail, worst, limit=limit, counts=counts)
