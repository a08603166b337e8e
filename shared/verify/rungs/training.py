"""The rung training: equal losses and weights after every step, equal validation, equal outputs at the end."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from twotrack.shared.base.tolerances import limit_in
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.keeping import apart
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, relative, relaxed_constraints
from twotrack.shared.verify.trace import Trace, epochs_in_words, same_losses


def check_training(torch: Observation, keras: Observation) -> RungResult:
    """Compare loss and weights after every step, validation, and the trained model's outputs."""
    return _compare_relaxed(torch.traces["float64"], keras.traces["float64"])


def _compare_relaxed(torch: Trace, keras: Trace) -> RungResult:
    """Compare two trainings; a difference is passed over if constraints of which one is as good make none."""
    result = compare_training(torch, keras)
    for kind, trace in keras.relaxed.items():
        if result.passed:
            break
        relaxed = compare_training(torch, trace)
        if relaxed.passed:
            gap = Gap(GapKind.NO_EFFECT, result.where, relaxed_constraints(kind))
            result = replace(relaxed, gaps=(*relaxed.gaps, gap))
    return result


def compare_training(torch: Trace, keras: Trace, precision: Precision = "float64") -> RungResult:
    """Compare two traces of one precision, step by step."""
    limit, worst = limit_in("training", precision), 0.0
    torch_losses, keras_losses = same_losses(torch, keras)
    for step, (loss, other) in enumerate(zip(keras_losses, torch_losses, strict=True)):
        differences = step_differences(torch.weights[step], keras.weights[step], torch.weights_digested)
        name = max(differences, key=differences.__getitem__, default="")
        worst = max(worst, relative(np.array(other), np.array(loss)), differences.get(name, 0.0))
        if worst > limit:
            detail = _training_detail(step + 1, loss, other, name, differences.get(name, 0.0))
            return RungResult("training", False, detail, worst, limit=limit, place=FailurePlace.WEIGHT, where=name)
    return _compare_inference(torch, keras, worst, limit)


def _compare_inference(torch: Trace, keras: Trace, worst: float, limit: float) -> RungResult:
    """Compare what validation saw after each epoch, and the trained model's outputs."""
    for epoch, (loss, other) in enumerate(zip(keras.validation, torch.validation, strict=True), start=1):
        difference = relative(np.array(other), np.array(loss))
        if difference > limit:
            detail = f"epoch {epoch}: the validation loss is {loss:.6g} in Keras, {other:.6g} in torch"
            return RungResult("training", False, detail, difference, limit=limit, place=FailurePlace.VALIDATION)
    outputs = max(map(relative, torch.trained_outputs, keras.trained_outputs), default=0.0)
    if outputs > limit:
        detail = f"the outputs after training differ by {outputs:.1e}, on equal weights"
        return RungResult("training", False, detail, outputs, limit=limit, place=FailurePlace.OUTPUTS)
    detail = f"{len(keras.losses)} steps in {epochs_in_words(keras)} compared"
    counts = {"training steps": len(keras.losses)}
    return RungResult("training", True, detail, max(worst, outputs), limit=limit, counts=counts, gaps=left_out(keras))


def left_out(keras: Trace) -> tuple[Gap, ...]:
    """Return a gap if the training was a shorter one."""
    return (Gap(GapKind.NOT_RUN, "training", keras.left_out),) if keras.left_out else ()


def _training_detail(step: int, loss: float, other: float, name: str, difference: float) -> str:
    if not (np.isfinite(loss) and np.isfinite(other)):
        return f"step {step}: the loss is {loss} in Keras, {other} in torch"
    if not name:  # the weights of a large model are kept of the last step only
        return f"step {step}: the loss is {loss:.9g} in Keras, {other:.9g} in torch; an update before it differs"
    return (
        f"step {step}: '{name}' differs by {difference:.1e} after the update (loss {loss:.6g} and {other:.6g} before)"
    )


def step_differences(
    torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray], digested: bool = False
) -> dict[str, float]:
    """Return the relative difference of every weight, or of digests of them, after one step."""
    return {name: apart(torch[name], weight, digested) for name, weight in keras.items()}
