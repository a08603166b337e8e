"""The rungs gradients and training where training functions of the user's own train both sides on the same batches."""

from dataclasses import replace

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, relative
from twotrack.shared.verify.rungs.gradients import gradient_differences
from twotrack.shared.verify.rungs.training import compare_training
from twotrack.shared.verify.trace import Trace


def check_recorded(torch: Observation, keras: Observation) -> RungResult:
    """Compare the loss and the gradients that both functions recorded of their first batch, where both did."""
    one, other = torch.traces["float64"], keras.traces["float64"]
    loss, limit = relative(np.array(one.losses[:1]), np.array(other.losses[:1])), TOLERANCES["gradients"].limit
    if not loss <= limit:
        detail = f"the first loss recorded is {other.losses[0]:.9g} in Keras, {one.losses[0]:.9g} in torch"
        detail += ", on equal outputs"
        return RungResult("gradients", False, detail, loss, limit=limit, place=FailurePlace.LOSS)
    silent = [name for name, trace in (("torch", one), ("Keras", other)) if not trace.recorded]
    if silent:
        why = f"the training function of {' and '.join(silent)} recorded none"
        gap = Gap(GapKind.NOT_RUN, "gradients", f"{why}: the loss and the weights after each step were compared")
        return RungResult("gradients", True, f"not compared: {why}", gaps=(gap,))
    return _compare_gradients(_of_step(one, 0), _of_step(other, 0), limit)


def _of_step(trace: Trace, step: int) -> Trace:
    """Return a trace with the gradients that were recorded of a step."""
    return replace(trace, gradients=trace.recorded[step])


def _compare_gradients(torch: Trace, keras: Trace, limit: float) -> RungResult:
    if torch.gradients.keys() != keras.gradients.keys():
        name = min(torch.gradients.keys() ^ keras.gradients.keys())
        detail = f"'{name}' is trained on one side only"
        return RungResult("gradients", False, detail, limit=limit, place=FailurePlace.WEIGHT, where=name)
    found = gradient_differences(torch, keras)
    worst = max(found.values(), default=0.0)
    differing = [name for name, size in found.items() if not size <= limit]
    if not differing:
        counts = {"gradients": len(found)}
        return RungResult(
            "gradients", True, f"{len(found)} recorded gradients compared", worst, limit=limit, counts=counts
        )
    name = differing[-1]  # backpropagation starts at the end
    detail = f"the gradient of '{name}' that was recorded of the first batch differs by {found[name]:.1e}"
    return RungResult("gradients", False, detail, found[name], limit=limit, place=FailurePlace.WEIGHT, where=name)


def _compare_steps(torch: Trace, keras: Trace) -> RungResult:
    """Compare the steps; where one function ended before the other, those of which both left the weights."""
    own, wanted = len(torch.losses), len(keras.losses)
    if own == wanted:
        return compare_training(torch, keras)
    both = min(own, wanted) - 1
    first, second = (replace(one, losses=one.losses[:both], weights=one.weights[:both]) for one in (torch, keras))
    result = compare_training(first, replace(second, trained_outputs=torch.trained_outputs))
    if not result.passed:
        return result
    detail = f"Keras' training function ended behind step {wanted}, torch's behind step {own}; the steps before agree"
    return replace(result, passed=False, detail=detail, difference=1.0, gaps=(), place=FailurePlace.NOWHERE)


def check_loops(torch: Observation, keras: Observation) -> RungResult:
    """Compare loss and weights after every step; say of an update that differs whether gradients do."""
    one, other = torch.traces["float64"], keras.traces["float64"]
    result = _compare_steps(one, other)
    if result.passed or not (one.recorded and other.recorded):
        return result
    if len(one.losses) != len(other.losses):
        return result
    limit, steps = TOLERANCES["gradients"].limit, min(len(one.recorded), len(other.recorded))
    for step in range(steps):
        largest = max(gradient_differences(_of_step(one, step), _of_step(other, step)).values(), default=0.0)
        if largest > limit:
            return replace(result, detail=f"{result.detail}; the gradients recorded part in step {step + 1}")
    return replace(result, detail=f"{result.detail}; all gradients recorded agree: the update is another")
