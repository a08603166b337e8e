"""The exact rungs: each compares two sides. Nothing is masked: NaN or infinity on either side fails by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from twotrack.shared.base.tolerances import GRADIENT_SCALE_FLOOR, TOLERANCES
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.trace import Trace


class FailurePlace(StrEnum):
    """What a rung's failure is about."""

    NOWHERE = ""
    WEIGHT = "weight"
    LAYER = "layer"
    OUTPUTS = "outputs"
    LOSS = "loss"
    DROPOUT = "dropout"
    VALIDATION = "validation"


@dataclass(frozen=True)
class RungResult:
    """What one rung found between torch and one Keras track."""

    rung: str
    passed: bool
    detail: str
    difference: float | None = None
    """The largest relative difference in float64."""
    difference32: float | None = None
    """The same in float32, for information."""
    limit: float | None = None
    place: FailurePlace = FailurePlace.NOWHERE
    """Of a failure."""
    where: str = ""
    """First diverging layer or weight, by canonical name."""
    layer_inputs_agree: bool | None = None
    """Forward only: the layer got the same inputs on both sides, so it is at fault itself."""
    exception: str = ""
    """Of a pass: what could not be compared; empty if all was."""


@dataclass(frozen=True)
class LayerDifference:
    """How far the outputs of one layer are apart in the forward pass, relative to the largest."""

    path: str
    kind: str
    """Class name in Keras."""
    float64: float
    float32: float | None
    """None where the layer's outputs could not be paired in float32."""


def relative(torch: np.ndarray, keras: np.ndarray, scale: float | None = None) -> float:
    """Return the largest difference over torch's largest value, or over `scale`.

    Infinity if a value is not finite or shapes differ.
    """
    if torch.shape != keras.shape or not (np.isfinite(torch).all() and np.isfinite(keras).all()):
        return float("inf")
    if torch.size == 0:
        return 0.0
    largest = np.abs(torch).max() if scale is None else scale
    difference = np.abs(keras.astype(float) - torch.astype(float)).max()
    return float(difference / largest) if largest > 0 else float(difference)


def _single(measure: Callable[[Trace, Trace], float | None], torch: Observation, keras: Observation) -> float | None:
    """Measure in float32, for information; None if the sides did not show it."""
    if "float32" not in torch.traces or "float32" not in keras.traces:
        return None
    return measure(torch.traces["float32"], keras.traces["float32"])


# === Data and parameters ===


def check_data(torch: Observation, keras: Observation) -> RungResult:
    """Compare how many batches both sides were trained on, and the hashes of their bytes."""
    torch_trace, keras_trace = torch.traces["float64"], keras.traces["float64"]
    if torch_trace.epochs != keras_trace.epochs:
        detail = f"Keras was fed {_fed(keras_trace)}, torch {_fed(torch_trace)}"
        return RungResult("data", False, detail)
    same = torch_trace.batches == keras_trace.batches
    detail = f"same bytes, {torch_trace.batches[:12]}" if same else "the two sides were fed different bytes"
    return RungResult("data", same, detail)


def _fed(trace: Trace) -> str:
    return f"{len(trace.epochs)} batches in {_epochs(trace)}"


def _epochs(trace: Trace) -> str:
    count = len(set(trace.epochs))
    return f"{count} epoch{'' if count == 1 else 's'}"


def check_parameters(torch: Observation, keras: Observation) -> RungResult:
    """Require that every weight has exactly one counterpart of the same canonical shape."""
    problems = list(_parameter_problems(torch, keras))
    if problems:
        detail = "; ".join(text for _, text in problems)
        return RungResult("parameters", False, detail, place=FailurePlace.WEIGHT, where=problems[0][0])
    values = sum(int(np.prod(shape)) for shape in keras.parameters.values())
    return RungResult("parameters", True, f"{len(keras.parameters)} weights, {values:,} values, one to one")


def _parameter_problems(torch: Observation, keras: Observation) -> Iterator[tuple[str, str]]:
    """Yield name and sentence of every weight without a counterpart of its shape."""
    for name in keras.parameters:
        if name not in torch.parameters:
            yield name, f"'{name}' is in Keras only"
    for name in torch.parameters:
        if name not in keras.parameters:
            yield name, f"'{name}' is in torch only"
    for name, shape in keras.parameters.items():
        if shape != (other := torch.parameters.get(name, shape)):
            yield name, f"'{name}' has shape {shape} in Keras, {other} in torch"
    for name in torch.without_counterpart:
        yield name, f"'{name}' is trained in torch and has no counterpart in Keras"


# === Forward ===


def check_forward(torch: Observation, keras: Observation) -> RungResult:
    """Compare the outputs in inference mode; if they differ, name the first layer that diverges."""
    result = compare_forward(torch.traces["float64"], keras.traces["float64"])
    return replace(result, difference32=_single(output_difference, torch, keras))


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
        return RungResult("forward", True, detail, difference, limit=limit)
    for torch_layer, keras_layer in matched:
        if layer_difference(torch_layer.outputs, keras_layer.outputs) > limit:
            return _diverging(torch_layer, keras_layer)
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
    not_finite = [side for side, layer in (("Keras", keras), ("torch", torch)) if not _finite(layer.outputs)]
    kinds = f"{keras.kind} against {torch.kind}"
    if not_finite:
        return f"layer '{keras.path}' ({kinds}) has NaN or infinity in {' and '.join(not_finite)}"
    place = "its inputs agree" if inputs_agree else "its inputs differ already, though the named layers before it agree"
    return f"layer '{keras.path}' ({kinds}) differs by {difference:.1e}; {place}"


def _finite(arrays: Sequence[np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


# === Gradients ===


def check_gradients(torch: Observation, keras: Observation) -> RungResult:
    """Compare the loss on the first batch, then the gradient of every trainable weight."""
    result = compare_gradients(torch.traces["float64"], keras.traces["float64"])
    if result.passed and torch.draws.draws:
        # The loss may not feel what differs in training mode; the rung dropout names only what is drawn.
        forward = compare_forward(torch.draws.trace, keras.draws.trace)
        if not forward.passed:
            return replace(forward, rung="gradients", detail=f"in training mode, {forward.detail}")
    return replace(result, difference32=_single(_largest_gradient_difference, torch, keras))


def compare_gradients(torch: Trace, keras: Trace) -> RungResult:
    """Compare two traces of one precision."""
    limit = TOLERANCES["gradients"].limit
    loss = relative(np.array(torch.losses[:1]), np.array(keras.losses[:1]))
    if loss > TOLERANCES["forward"].limit:
        detail = f"the loss is {keras.losses[0]:.9g} in Keras, {torch.losses[0]:.9g} in torch, on equal outputs"
        return RungResult("gradients", False, detail, loss, limit=limit, place=FailurePlace.LOSS)
    if torch.gradients.keys() != keras.gradients.keys():
        unmatched = min(torch.gradients.keys() ^ keras.gradients.keys())
        detail = f"'{unmatched}' is trained on one side only"
        return RungResult("gradients", False, detail, limit=limit, place=FailurePlace.WEIGHT, where=unmatched)
    differences = gradient_differences(torch, keras)
    worst = max(differences.values(), default=0.0)
    if worst <= limit:
        return RungResult("gradients", True, f"{len(differences)} gradients compared", worst, limit=limit)
    # Backpropagation starts at the end: the last diverging weight in the order of the layers is the first to go wrong.
    name = [name for name, difference in differences.items() if difference > limit][-1]
    finite = _finite([torch.gradients[name], keras.gradients[name]])
    detail = f"the gradient of '{name}' " + (f"differs by {differences[name]:.1e}" if finite else "has NaN or infinity")
    return RungResult("gradients", False, detail, differences[name], limit=limit, place=FailurePlace.WEIGHT, where=name)


def gradient_differences(torch: Trace, keras: Trace) -> dict[str, float]:
    """Return the difference of every gradient that both sides have, relative to the largest gradient of its layer."""
    sizes = {name: float(np.abs(gradient).max(initial=0.0)) for name, gradient in torch.gradients.items()}
    floor = GRADIENT_SCALE_FLOOR * max(sizes.values(), default=0.0)
    layers: dict[str, float] = {}
    for name, size in sizes.items():
        layer = name.rpartition(".")[0]
        layers[layer] = max(layers.get(layer, floor), size)
    return {
        name: relative(gradient, keras.gradients[name], layers[name.rpartition(".")[0]])
        for name, gradient in torch.gradients.items()
        if name in keras.gradients
    }


def _largest_gradient_difference(torch: Trace, keras: Trace) -> float | None:
    return max(gradient_differences(torch, keras).values(), default=None)


# === Training ===


def check_training(torch: Observation, keras: Observation) -> RungResult:
    """Compare loss and weights after every step, validation, and the trained model's outputs."""
    result = compare_training(torch.traces["float64"], keras.traces["float64"])
    return replace(result, difference32=_single(_last_weight_difference, torch, keras))


def compare_training(torch: Trace, keras: Trace) -> RungResult:
    """Compare two traces of one precision, step by step."""
    limit, worst = TOLERANCES["training"].limit, 0.0
    for step, (loss, other) in enumerate(zip(keras.losses, torch.losses, strict=True)):
        differences = step_differences(torch.weights[step], keras.weights[step])
        name = max(differences, key=differences.__getitem__, default="")
        worst = max(worst, relative(np.array(other), np.array(loss)), differences.get(name, 0.0))
        if worst > limit:
            detail = _training_detail(step + 1, loss, other, name, differences.get(name, 0.0))
            return RungResult("training", False, detail, worst, limit=limit, place=FailurePlace.WEIGHT, where=name)
    return _compare_inference(torch, keras, worst)


def _compare_inference(torch: Trace, keras: Trace, worst: float) -> RungResult:
    """Compare what validation saw after each epoch, and the trained model's outputs."""
    limit = TOLERANCES["training"].limit
    for epoch, (loss, other) in enumerate(zip(keras.validation, torch.validation, strict=True), start=1):
        difference = relative(np.array(other), np.array(loss))
        if difference > limit:
            detail = f"epoch {epoch}: the validation loss is {loss:.6g} in Keras, {other:.6g} in torch"
            return RungResult("training", False, detail, difference, limit=limit, place=FailurePlace.VALIDATION)
    outputs = max(map(relative, torch.trained_outputs, keras.trained_outputs), default=0.0)
    if outputs > limit:
        detail = f"the outputs after training differ by {outputs:.1e}, on equal weights"
        return RungResult("training", False, detail, outputs, limit=limit, place=FailurePlace.OUTPUTS)
    detail = f"{len(keras.losses)} steps in {_epochs(keras)} compared"
    return RungResult("training", True, detail, max(worst, outputs), limit=limit)


def _training_detail(step: int, loss: float, other: float, name: str, difference: float) -> str:
    if not (np.isfinite(loss) and np.isfinite(other)):
        return f"step {step}: the loss is {loss} in Keras, {other} in torch"
    if not name:  # the weights of a large model are kept of the last step only
        return f"step {step}: the loss is {loss:.9g} in Keras, {other:.9g} in torch; an update before it differs"
    return (
        f"step {step}: '{name}' differs by {difference:.1e} after the update (loss {loss:.6g} and {other:.6g} before)"
    )


def _last_weight_difference(torch: Trace, keras: Trace) -> float | None:
    return max(step_differences(torch.weights[-1], keras.weights[-1]).values(), default=None)


def step_differences(torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the relative difference of every weight after one step."""
    return {name: relative(torch[name], weight) for name, weight in keras.items()}
