"""The rung gradients: equal loss on the first batch, and equal gradients of every trainable weight."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from twotrack.shared.base.tolerances import GRADIENT_SCALE_FLOOR, TOLERANCES, limit_in
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.digests import SIZE, differences
from twotrack.shared.verify.enlarged import Enlarged
from twotrack.shared.verify.keeping import apart, largest
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, finite, in_float32, relative
from twotrack.shared.verify.rungs.dropout import compare_in_training, may_be_rounding, with_exception
from twotrack.shared.verify.trace import Trace, same_losses


def check_gradients(torch: Observation, keras: Observation) -> RungResult:
    """Compare the loss on the first batch, then the gradient of every trainable weight."""
    own, enlarged = (torch.traces["float64"], keras.traces["float64"]), torch.enlarged
    result = compare_gradients(*own, rounding=enlarged)
    result = replace(result, in_doubt=may_be_rounding(result, enlarged))
    if result.passed and own[0].on_drawn and own[1].on_drawn:
        drawn = compare_gradients(own[0].on_drawn, own[1].on_drawn)
        if not drawn.passed:
            return replace(drawn, detail=f"on drawn weights and inputs, {drawn.detail}")
    if result.passed and torch.draws.draws:
        # The loss may not feel what differs in training mode, and the rung dropout fails only at what draws.
        forward = compare_in_training(torch.draws, keras.draws, enlarged)
        if not forward.passed:
            return replace(forward, rung="gradients", detail=f"in training mode, {forward.detail}")
    result = compare_rows(*own, result) if result.passed else result
    result = with_exception(result, enlarged)
    return replace(result, difference32=in_float32(_largest_gradient_difference, torch, keras))


def compare_gradients(
    torch: Trace, keras: Trace, precision: Precision = "float64", rounding: Enlarged | None = None
) -> RungResult:
    """Compare two traces of one precision, with what rounding was found to add."""
    rounding, limit = rounding or Enlarged(), limit_in("gradients", precision)
    torch_losses, keras_losses = same_losses(torch, keras)
    loss = relative(np.array(torch_losses[:1]), np.array(keras_losses[:1]))
    if loss > max(limit_in("forward", precision), rounding.loss):
        detail = f"the loss is {keras_losses[0]:.9g} in Keras, {torch_losses[0]:.9g} in torch, on equal outputs"
        detail += _beside_the_loss(keras)
        return RungResult("gradients", False, detail, loss, limit=limit, place=FailurePlace.LOSS)
    if torch.gradients.keys() != keras.gradients.keys():
        unmatched = min(torch.gradients.keys() ^ keras.gradients.keys())
        detail = f"'{unmatched}' is trained on one side only"
        return RungResult("gradients", False, detail, limit=limit, place=FailurePlace.WEIGHT, where=unmatched)
    found = gradient_differences(torch, keras)
    allowed = {name: max(limit, rounding.gradients.get(name, 0.0)) for name in found}
    diverging = [name for name, difference in found.items() if not difference <= allowed[name]]
    if not diverging:
        worst = max(found, key=lambda name: found[name] / allowed[name], default="")
        counts = {"gradients": len(found)}
        detail = f"{len(found)} gradients compared{_aside(torch, keras)}"
        return RungResult(
            "gradients", True, detail, found.get(worst, 0.0), limit=allowed.get(worst, limit), counts=counts
        )
    # Backpropagation starts at the end: the last diverging weight in the order of the layers is the first to go wrong.
    name = diverging[-1]
    is_finite = finite([torch.gradients[name], keras.gradients[name]])
    how = f"differs by {found[name]:.1e}" if is_finite else "has NaN or infinity"
    detail = f"the gradient of '{name}' {how}"
    return RungResult("gradients", False, detail, found[name], limit=limit, place=FailurePlace.WEIGHT, where=name)


def compare_rows(torch: Trace, keras: Trace, result: RungResult) -> RungResult:
    """Compare the gradients of the rows that no batch asks for; say of which tables that could not be done."""
    for name in [name for name in keras.rows if name in torch.rows]:
        found = differences(torch.rows[name], keras.rows[name])
        scale = np.maximum(torch.rows[name][:, SIZE], keras.rows[name][:, SIZE])
        wrong = np.flatnonzero(~(found <= TOLERANCES["gradients"].limit * scale))
        if len(wrong):
            more = f", and {len(wrong) - 1:,} more rows" if len(wrong) > 1 else ""
            detail = f"the gradient of row {wrong[0]:,} of '{name}' differs{more}, which no training batch asks for"
            size = float(found[wrong[0]])
            return replace(
                result, passed=False, detail=detail, difference=size, place=FailurePlace.WEIGHT, where=name, counts={}
            )
    return replace(result, gaps=(*_unmet(torch, keras), *_added(keras)))


def _unmet(torch: Trace, keras: Trace) -> Iterator[Gap]:
    for name, rows in (torch.unmet_rows | keras.unmet_rows).items():
        detail = f"no training batch asks for {rows:,} of its rows, and no layer alone reads them on both sides"
        yield Gap(GapKind.NOT_RUN, name, detail)


def _added(keras: Trace) -> Iterator[Gap]:
    """Yield a gap for each layer that adds to the loss: no layer of torch does, so nothing runs apart from a step."""
    for path, value in keras.added.items():
        most = max(abs(value), keras.added_at_most.get(path, 0.0))
        detail = f"it adds {value:.3g} to the loss for what it computes on the first batch, up to {most:.3g} on wide "
        detail += "inputs and weights: what torch's loss has for that was compared on the training batches only"
        yield Gap(GapKind.NOT_RUN, path or "the model", detail)


def gradient_differences(torch: Trace, keras: Trace) -> dict[str, float]:
    """Return the difference of every gradient that both sides have, relative to the largest gradient of its layer."""
    scales, keras_gradients = gradient_scales(torch), _same_gradients(torch, keras)
    return {
        name: apart(gradient, keras_gradients[name], torch.digested, scales[name])
        for name, gradient in torch.gradients.items()
        if name in keras_gradients
    }


def _same_gradients(torch: Trace, keras: Trace) -> dict[str, np.ndarray]:
    """Return Keras' gradients, without those of penalties where torch's loss has none."""
    if torch.penalties:
        return keras.gradients
    return {name: array - keras.penalty_gradients.get(name, 0.0) for name, array in keras.gradients.items()}


def _aside(torch: Trace, keras: Trace) -> str:
    if not keras.penalties or torch.penalties:
        return ""
    count = len(keras.penalty_gradients)
    return (
        f", without the penalties of {count} weights that Keras adds to its loss ({keras.penalties[0]:.6g}): "
        "whether torch's optimizer has them, the next rungs tell"
    )


def _beside_the_loss(keras: Trace) -> str:
    """Say which layers of Keras add to the loss for what they compute."""
    if not keras.added:
        return ""
    return f"; in Keras {', '.join(repr(path) for path in keras.added)} adds to the loss"


def gradient_scales(trace: Trace) -> dict[str, float]:
    """Return, for every gradient, the largest gradient of its layer, and a share of the model's largest at least."""
    sizes = {name: largest(gradient, trace.digested) for name, gradient in trace.gradients.items()}
    floor = GRADIENT_SCALE_FLOOR * max(sizes.values(), default=0.0)
    layers: dict[str, float] = {}
    for name, size in sizes.items():
        layer = name.rpartition(".")[0]
        layers[layer] = max(layers.get(layer, floor), size)
    return {name: layers[name.rpartition(".")[0]] for name in sizes}


def _largest_gradient_difference(torch: Trace, keras: Trace) -> float | None:
    return max(gradient_differences(torch, keras).values(), default=None)
