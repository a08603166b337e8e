"""The rung forward: equal outputs in inference mode; else the first layer that diverges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES, limit_in
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import widened
from twotrack.shared.verify.enlarged import Enlarged
from twotrack.shared.verify.keeping import comparable, value_difference
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, finite, in_float32, relative
from twotrack.shared.verify.trace import Trace


@dataclass(frozen=True)
class LayerDifference:
    """How far the outputs of one layer are apart in the forward pass, relative to the largest."""

    path: str
    kind: str
    """Class name in Keras."""
    float64: float
    float32: float | None
    """None where the layer's outputs could not be paired in float32, or were not shown in it."""


def check_forward(torch: Observation, keras: Observation) -> RungResult:
    """Compare the outputs in inference mode; if they differ, name the first layer that diverges."""
    result = compare_forward(torch.traces["float64"], keras.traces["float64"])
    sides = (keras, "Keras"), (torch, "torch")
    gaps = [_in_float32(path, name) for side, name in sides for path in side.asked_for_float32]
    compiled = [name for side, name in sides if side.is_compiled]
    gaps += [*map(_compiled, compiled), *widened.gaps(torch, keras)]
    if compiled and result.place is FailurePlace.OUTPUTS:
        told = f"; {compiled[0]} gives what compiled code gives, its layers were watched where it runs as it is written"
        result = replace(result, detail=result.detail + told)
    difference = in_float32(output_difference, torch, keras)
    return replace(result, difference32=difference, gaps=tuple(gaps), notes=widened.notes(torch, keras))


def _in_float32(path: str, name: str) -> Gap:
    return Gap(GapKind.PRECISION, path, f"it is built to compute in float32 in {name}, and was compared in float64")


def _compiled(name: str) -> Gap:
    detail = f"outputs, gradients and training steps of {name} are those of compiled code, but values inside, and what "
    detail += "comes of values put in their place, were looked at where it runs as it is written"
    return Gap(GapKind.NOT_RUN, "torch.compile", detail)


def compare_forward(
    torch: Trace, keras: Trace, precision: Precision = "float64", rounding: Enlarged | None = None
) -> RungResult:
    """Compare two traces of one precision, with what rounding was found to add."""
    rounding, limit = rounding or Enlarged(), limit_in("forward", precision)
    allowed = max(limit, rounding.outputs)
    if len(torch.outputs) != len(keras.outputs):
        detail = f"{len(keras.outputs)} outputs in Keras, {len(torch.outputs)} in torch"
        return RungResult("forward", False, detail, place=FailurePlace.OUTPUTS)
    difference = output_difference(torch, keras)
    matched = list(matched_layers(torch, keras))
    if difference <= allowed:
        detail = f"outputs and {len(matched)} named layers compared"
        counts = {"outputs": len(keras.outputs), "layers": len(matched)}
        return RungResult("forward", True, detail, difference, limit=allowed, counts=counts)
    diverging = first_diverging(torch, keras, limit, rounding)
    if diverging:
        return _diverging(*diverging, limit)
    shapes = ", ".join(
        f"{keras_output.shape} against {torch_output.shape}"
        for torch_output, keras_output in zip(torch.outputs, keras.outputs, strict=True)
    )
    detail = f"the outputs differ ({shapes}) although every layer that both sides name agrees"
    return RungResult("forward", False, detail, difference, limit=allowed, place=FailurePlace.OUTPUTS)


def output_difference(torch: Trace, keras: Trace) -> float:
    """Return the largest relative difference of the models' outputs; infinity if they are not as many."""
    if len(torch.outputs) != len(keras.outputs):
        return float("inf")
    return max(map(relative, torch.outputs, keras.outputs))


def matched_layers(torch: Trace, keras: Trace) -> Iterator[tuple[LayerTrace, LayerTrace]]:
    """Pair the layers that both sides name and whose outputs have a shape in common, in Keras' order of calls."""
    torch_layers = {layer.path: layer for layer in torch.layers}
    for keras_layer in keras.layers:
        torch_layer = torch_layers.get(keras_layer.path)
        if torch_layer and any(
            comparable(a, b, keras_layer.digested) for a in torch_layer.outputs for b in keras_layer.outputs
        ):
            yield torch_layer, keras_layer


def first_diverging(
    torch: Trace, keras: Trace, limit: float = TOLERANCES["forward"].limit, rounding: Enlarged | None = None
) -> tuple[LayerTrace, LayerTrace] | None:
    """Return the first layers of one name that give something else; None if there are none.

    Layers that only share a name are passed over: one ends earlier than the other, as an attention layer with and
    without its last projection, and what it gives is found later on the other side.
    """
    for torch_layer, keras_layer in matched_layers(torch, keras):
        allowed = max(limit, rounding.layers.get(torch_layer.path, 0.0)) if rounding else limit
        if layer_difference(torch_layer.outputs, keras_layer.outputs, keras_layer.digested) > allowed and not (
            _comes_later(torch_layer, keras_layer, keras, limit) or _comes_later(keras_layer, torch_layer, torch, limit)
        ):
            return torch_layer, keras_layer
    return None


def _comes_later(layer: LayerTrace, other: LayerTrace, trace: Trace, limit: float) -> bool:
    """Tell whether what a layer gives is a value of the other side behind the layer of the same name."""
    behind = trace.layers[next(n for n, one in enumerate(trace.layers) if one is other) + 1 :]
    values = [array for one in behind for array in (*one.inputs, *one.outputs)]
    given = [array for array in layer.outputs[:1] if array.dtype.kind == "f" and np.ptp(array) > 0]
    return any(value_difference(own, value, layer.digested) <= limit for own in given for value in values)


def layer_differences(torch: Observation, keras: Observation) -> list[LayerDifference]:
    """Compare every layer that both sides name, in Keras' order of calls."""
    single = in_float32(_differences, torch, keras) or {}
    kinds = {layer.path: layer.kind for layer in keras.traces["float64"].layers}
    return [
        LayerDifference(path, kinds[path], difference, single.get(path))
        for path, difference in _differences(torch.traces["float64"], keras.traces["float64"]).items()
    ]


def _differences(torch: Trace, keras: Trace) -> dict[str, float]:
    return {
        keras_layer.path: layer_difference(torch_layer.outputs, keras_layer.outputs, keras_layer.digested)
        for torch_layer, keras_layer in matched_layers(torch, keras)
    }


def layer_difference(torch: Sequence[np.ndarray], keras: Sequence[np.ndarray], digested: bool = False) -> float:
    """Return the smallest difference between values, or digests of them, that may stand for the same thing."""
    pairs = ((a, b) for a in torch for b in keras if comparable(a, b, digested))
    return min((value_difference(a, b, digested) for a, b in pairs), default=float("inf"))


def _diverging(torch: LayerTrace, keras: LayerTrace, limit: float) -> RungResult:
    difference = layer_difference(torch.outputs, keras.outputs, keras.digested)
    inputs_agree = layer_difference(torch.inputs, keras.inputs, keras.digested) <= limit
    differing = "its inputs differ already, though the named layers before it agree"
    place = _inputs_told(torch, keras, limit) if inputs_agree else differing
    detail = _forward_detail(torch, keras, difference, place)
    return RungResult("forward", False, detail, difference, None, limit, FailurePlace.LAYER, keras.path, inputs_agree)


def _inputs_told(torch: LayerTrace, keras: LayerTrace, limit: float) -> str:
    """Say in which order the inputs agree: a layer's inputs may be the same values, given in each other's place."""
    ours, theirs = ([array for array in layer.inputs if array.dtype.kind == "f"] for layer in (torch, keras))

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        return comparable(a, b, keras.digested) and value_difference(a, b, keras.digested) <= limit

    found = all(any(same(a, b) for b in theirs) for a in ours) and all(any(same(a, b) for a in ours) for b in theirs)
    orders = [ours]
    if "Attention" in keras.kind and len(ours) > 2:  # Keras takes the value second, torch the key
        orders.append([ours[0], ours[2], ours[1], *ours[3:]])
    in_order = len(ours) != len(theirs) or any(all(map(same, order, theirs)) for order in orders)
    return "its inputs are the same values in another order" if found and not in_order else "its inputs agree"


def _forward_detail(torch: LayerTrace, keras: LayerTrace, difference: float, place: str) -> str:
    not_finite = [side for side, layer in (("Keras", keras), ("torch", torch)) if not finite(layer.outputs)]
    kinds = f"{keras.kind} against {torch.kind}"
    if not_finite:
        return f"layer '{keras.path}' ({kinds}) has NaN or infinity in {' and '.join(not_finite)}"
    return f"layer '{keras.path}' ({kinds}) differs by {difference:.1e}; {place}"
