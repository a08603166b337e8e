"""The rung forward: equal outputs in inference mode; else the first layer that diverges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify import widened
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
    """None where the layer's outputs could not be paired in float32."""


def check_forward(torch: Observation, keras: Observation) -> RungResult:
    """Compare the outputs in inference mode; if they differ, name the first layer that diverges."""
    result = compare_forward(torch.traces["float64"], keras.traces["float64"])
    built = tuple(_in_float32(path) for path in keras.asked_for_float32)
    return replace(
        result,
        difference32=in_float32(output_difference, torch, keras),
        gaps=(*built, *widened.gaps(torch, keras)),
        notes=widened.notes(torch, keras),
    )


def _in_float32(path: str) -> Gap:
    return Gap(GapKind.PRECISION, path, "it is built to compute in float32 in Keras, and was compared in float64")


def compare_forward(torch: Trace, keras: Trace) -> RungResult:
    """Compare two traces of one precision."""
    limit = TOLERANCES["forward"].limit
    if len(torch.outputs) != len(keras.outputs):
        detail = f"{len(keras.outputs)} outputs in Keras, {len(torch.outputs)} in torch"
        return RungResult("forward", False, detail, place=FailurePlace.OUTPUTS)
    difference = output_difference(torch, keras)
    matched = list(matched_layers(torch, keras))
    if difference <= limit:
        detail = f"outputs and {len(matched)} named layers compared"
        counts = {"outputs": len(keras.outputs), "layers": len(matched)}
        return RungResult("forward", True, detail, difference, limit=limit, counts=counts)
    diverging = first_diverging(torch, keras)
    if diverging:
        return _diverging(*diverging)
    shapes = ", ".join(
        f"{keras_output.shape} against {torch_output.shape}"
        for torch_output, keras_output in zip(torch.outputs, keras.outputs, strict=True)
    )
    detail = f"the outputs differ ({shapes}) although every layer that both sides name agrees"
    return RungResult("forward", False, detail, difference, limit=limit, place=FailurePlace.OUTPUTS)


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
        if torch_layer and any(a.shape == b.shape for a in keras_layer.outputs for b in torch_layer.outputs):
            yield torch_layer, keras_layer


def first_diverging(torch: Trace, keras: Trace) -> tuple[LayerTrace, LayerTrace] | None:
    """Return the first layers of one name that give something else; None if there are none.

    Layers that only share a name are passed over: one ends earlier than the other, as an attention layer with and
    without its last projection, and what it gives is found later on the other side.
    """
    limit = TOLERANCES["forward"].limit
    for torch_layer, keras_layer in matched_layers(torch, keras):
        if layer_difference(torch_layer.outputs, keras_layer.outputs) > limit and not (
            _comes_later(torch_layer, keras_layer, keras) or _comes_later(keras_layer, torch_layer, torch)
        ):
            return torch_layer, keras_layer
    return None


def _comes_later(layer: LayerTrace, other: LayerTrace, trace: Trace) -> bool:
    """Tell whether what a layer gives is a value of the other side behind the layer of the same name."""
    behind = trace.layers[next(n for n, one in enumerate(trace.layers) if one is other) + 1 :]
    values = [array for one in behind for array in (*one.inputs, *one.outputs)]
    given = [array for array in layer.outputs[:1] if array.dtype.kind == "f" and np.ptp(array) > 0]
    return any(relative(own, value) <= TOLERANCES["forward"].limit for own in given for value in values)


def layer_differences(torch: Observation, keras: Observation) -> list[LayerDifference]:
    """Compare every layer that both sides name, in Keras' order of calls."""
    double, single = (
        {
            keras_layer.path: (keras_layer.kind, layer_difference(torch_layer.outputs, keras_layer.outputs))
            for torch_layer, keras_layer in matched_layers(torch.traces[precision], keras.traces[precision])
        }
        for precision in ("float64", "float32")
    )
    return [
        LayerDifference(path, kind, difference, single[path][1] if path in single else None)
        for path, (kind, difference) in double.items()
    ]


def layer_difference(torch: Sequence[np.ndarray], keras: Sequence[np.ndarray]) -> float:
    """Return the smallest difference between values that may stand for the same thing."""
    return min((relative(a, b) for a in torch for b in keras if a.shape == b.shape), default=float("inf"))


def _diverging(torch: LayerTrace, keras: LayerTrace) -> RungResult:
    limit = TOLERANCES["forward"].limit
    difference = layer_difference(torch.outputs, keras.outputs)
    inputs_agree = layer_difference(torch.inputs, keras.inputs) <= limit
    detail = _forward_detail(torch, keras, difference, inputs_agree)
    return RungResult("forward", False, detail, difference, None, limit, FailurePlace.LAYER, keras.path, inputs_agree)


def _forward_detail(torch: LayerTrace, keras: LayerTrace, difference: float, inputs_agree: bool) -> str:
    not_finite = [side for side, layer in (("Keras", keras), ("torch", torch)) if not finite(layer.outputs)]
    kinds = f"{keras.kind} against {torch.kind}"
    if not_finite:
        return f"layer '{keras.path}' ({kinds}) has NaN or infinity in {' and '.join(not_finite)}"
    place = "its inputs agree" if inputs_agree else "its inputs differ already, though the named layers before it agree"
    return f"layer '{keras.path}' ({kinds}) differs by {difference:.1e}; {place}"
