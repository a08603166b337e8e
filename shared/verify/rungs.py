"""The rungs that compare two traces. Nothing is masked: NaN or infinity on either side fails its rung by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.verify.tolerances import GRADIENT_SCALE_FLOOR, TOLERANCES
from twotrack.shared.verify.trace import LayerTrace, Trace


@dataclass(frozen=True)
class Verdict:
    """What one rung found between torch and one Keras track."""

    rung: str
    passed: bool
    detail: str
    difference: float | None = None
    """The largest relative difference in float64."""
    difference32: float | None = None
    """The same in float32, for information."""
    limit: float | None = None
    where: str = ""
    """First diverging layer or parameter, or 'loss'."""
    layer_inputs_agree: bool | None = None
    """Forward only: the layer got the same inputs on both sides, so it is at fault itself."""


@dataclass(frozen=True)
class LayerDifference:
    """How far the outputs of one layer are apart in the forward pass, relative to the largest."""

    path: str
    kind: str
    """Class name in Keras."""
    float64: float
    float32: float | None
    """None where the layer's outputs could not be paired in float32."""


def relative(ours: np.ndarray, theirs: np.ndarray, scale: float | None = None) -> float:
    """Return the largest difference over the largest value; infinity if a value is not finite or shapes differ."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    if ours.size == 0:
        return 0.0
    largest = np.abs(theirs).max() if scale is None else scale
    difference = np.abs(ours.astype(float) - theirs.astype(float)).max()
    return float(difference / largest) if largest > 0 else float(difference)


def check_data(torch: Trace, keras: Trace) -> Verdict:
    """Compare the hashes of what both sides were trained on."""
    if len(torch.losses) != len(keras.losses):
        keras_fed, torch_fed = (f"{len(side.losses)} batches in {_epochs(side)}" for side in (keras, torch))
        detail = f"Keras was fed {keras_fed}, torch {torch_fed}"
        return Verdict("data", False, detail)
    same = torch.batches == keras.batches
    detail = f"same bytes, {torch.batches[:12]}" if same else "the two sides were fed different bytes"
    return Verdict("data", same, detail)


def _epochs(trace: Trace) -> str:
    count = len(set(trace.epochs))
    return f"{count} epoch{'' if count == 1 else 's'}"


def check_parameters(torch: Mapping[str, Any], keras: Mapping[str, Any]) -> Verdict:
    """Require that every weight has exactly one counterpart of the same canonical shape."""
    ours, theirs = keras["parameters"], torch["parameters"]
    problems = [(name, f"'{name}' is in Keras only") for name in ours if name not in theirs]
    problems += [(name, f"'{name}' is in torch only") for name in theirs if name not in ours]
    problems += [
        (name, f"'{name}' has shape {tuple(ours[name])} in Keras, {tuple(theirs[name])} in torch")
        for name in ours
        if name in theirs and ours[name] != theirs[name]
    ]
    problems += [
        (name, f"'{name}' is trained in torch and has no counterpart in Keras") for name in torch["without_counterpart"]
    ]
    if problems:
        return Verdict("parameters", False, "; ".join(text for _, text in problems), where=problems[0][0])
    values = sum(int(np.prod(shape)) for shape in ours.values())
    return Verdict("parameters", True, f"{len(ours)} weights, {values:,} values, one to one")


def check_forward(torch: Trace, keras: Trace) -> Verdict:
    """Compare the outputs; if they differ, name the first layer that diverges."""
    limit = TOLERANCES["forward"].limit
    if len(torch.outputs) != len(keras.outputs):
        return Verdict("forward", False, f"{len(keras.outputs)} outputs in Keras, {len(torch.outputs)} in torch")
    difference = output_difference(torch, keras)
    compared = list(matched_layers(torch, keras))
    if difference <= limit:
        detail = f"outputs and {len(compared)} named layers compared"
        return Verdict("forward", True, detail, difference, limit=limit)
    for ours, theirs in compared:
        here = layer_difference(ours.outputs, theirs.outputs)
        if here > limit:
            agree = layer_difference(ours.inputs, theirs.inputs) <= limit
            return Verdict(
                "forward", False, _forward_detail(ours, theirs, here, agree), here, None, limit, ours.path, agree
            )
    shapes = ", ".join(
        f"{one.shape} against {other.shape}" for one, other in zip(keras.outputs, torch.outputs, strict=True)
    )
    detail = f"the outputs differ ({shapes}) although every layer that both sides name agrees"
    return Verdict("forward", False, detail, difference, limit=limit)


def output_difference(torch: Trace, keras: Trace) -> float:
    """Return the largest relative difference of the models' outputs; infinity if they are not as many."""
    if len(torch.outputs) != len(keras.outputs):
        return float("inf")
    return max(relative(one, other) for one, other in zip(keras.outputs, torch.outputs, strict=True))


def matched_layers(torch: Trace, keras: Trace) -> Iterator[tuple[LayerTrace, LayerTrace]]:
    """Pair the layers that both sides name and whose outputs have a shape in common, in Keras' order of calls."""
    theirs = {layer.path: layer for layer in torch.layers}
    for ours in keras.layers:
        other = theirs.get(ours.path)
        if other and any(a.shape == b.shape for a in ours.outputs for b in other.outputs):
            yield ours, other


def layer_differences(torch: Mapping[str, Trace], keras: Mapping[str, Trace]) -> list[LayerDifference]:
    """Compare every layer that both sides name, in Keras' order of calls; traces by precision."""
    double, single = (
        {ours.path: (ours.kind, layer_difference(ours.outputs, theirs.outputs)) for ours, theirs in pairs}
        for pairs in (matched_layers(torch[name], keras[name]) for name in ("float64", "float32"))
    )
    return [
        LayerDifference(path, kind, difference, single[path][1] if path in single else None)
        for path, (kind, difference) in double.items()
    ]


def layer_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """Return the smallest difference between values that may stand for the same thing."""
    return min((relative(a, b) for a in ours for b in theirs if a.shape == b.shape), default=float("inf"))


def _forward_detail(ours: LayerTrace, theirs: LayerTrace, difference: float, inputs_agree: bool) -> str:
    bad = [side for side, layer in (("Keras", ours), ("torch", theirs)) if not _finite(layer.outputs)]
    kinds = f"{ours.kind} against {theirs.kind}"
    if bad:
        return f"layer '{ours.path}' ({kinds}) has NaN or infinity in {' and '.join(bad)}"
    place = "its inputs agree" if inputs_agree else "its inputs differ already, though the named layers before it agree"
    return f"layer '{ours.path}' ({kinds}) differs by {difference:.1e}; {place}"


def _finite(arrays: list[np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def check_gradients(torch: Trace, keras: Trace) -> Verdict:
    """Compare the loss on the first batch, then the gradient of every trainable weight."""
    limit = TOLERANCES["gradients"].limit
    loss = relative(np.array(keras.losses[:1]), np.array(torch.losses[:1]))
    if loss > TOLERANCES["forward"].limit:
        detail = f"the loss is {keras.losses[0]:.6g} in Keras, {torch.losses[0]:.6g} in torch, on equal outputs"
        return Verdict("gradients", False, detail, loss, limit=limit, where="loss")
    if keras.gradients.keys() != torch.gradients.keys():
        odd = sorted(keras.gradients.keys() ^ torch.gradients.keys())
        return Verdict("gradients", False, f"'{odd[0]}' is trained on one side only", where=odd[0], limit=limit)
    differences = gradient_differences(torch, keras)
    worst = max(differences.values(), default=0.0)
    if worst <= limit:
        return Verdict("gradients", True, f"{len(differences)} gradients compared", worst, limit=limit)
    # Backpropagation starts at the end: the last diverging weight in the order of the layers is the first to go wrong.
    name = [name for name, difference in differences.items() if difference > limit][-1]
    finite = _finite([keras.gradients[name], torch.gradients[name]])
    text = f"differs by {differences[name]:.1e}" if finite else "has NaN or infinity"
    return Verdict("gradients", False, f"the gradient of '{name}' {text}", differences[name], limit=limit, where=name)


def gradient_differences(torch: Trace, keras: Trace) -> dict[str, float]:
    """Return the difference of every gradient, relative to the largest gradient of its layer."""
    sizes = {name: float(np.abs(one).max(initial=0.0)) for name, one in torch.gradients.items()}
    floor = GRADIENT_SCALE_FLOOR * max(sizes.values(), default=0.0)
    layers: dict[str, float] = {}
    for name, size in sizes.items():
        layer = name.rpartition(".")[0]
        layers[layer] = max(layers.get(layer, floor), size)
    return {
        name: relative(keras.gradients[name], one, layers[name.rpartition(".")[0]])
        for name, one in torch.gradients.items()
    }


def check_training(torch: Mapping[str, Any], keras: Mapping[str, Any], ours: Trace, theirs: Trace) -> Verdict:
    """Compare dropout rates, then loss and weights after every step."""
    limit = TOLERANCES["training"].limit
    ours_dropped, theirs_dropped = keras["dropout"], torch["dropout"]
    odd = [name for name, rate in ours_dropped.items() if theirs_dropped.get(name, rate) != rate]
    if odd or sorted(ours_dropped.values()) != sorted(theirs_dropped.values()):
        detail = f"dropout rates: Keras {_rates(ours_dropped)}; torch {_rates(theirs_dropped)}"
        return Verdict("training", False, detail, where=odd[0] if odd else next(iter(ours_dropped | theirs_dropped)))
    worst = 0.0
    for step, (one, other) in enumerate(zip(ours.losses, theirs.losses, strict=True)):
        loss = relative(np.array(one), np.array(other))
        weights = step_differences(ours.weights[step], theirs.weights[step])
        name = max(weights, key=weights.get, default="")
        worst = max(worst, loss, weights.get(name, 0.0))
        if worst > limit:
            detail = _training_detail(step + 1, one, other, name, weights.get(name, 0.0))
            return Verdict("training", False, detail, worst, limit=limit, where=name)
    return _after_training(ours, theirs, worst)


def _after_training(keras: Trace, torch: Trace, worst: float) -> Verdict:
    """Compare what validation saw after each epoch, and the trained model's outputs in inference mode."""
    limit = TOLERANCES["training"].limit
    for epoch, (loss, other) in enumerate(zip(keras.validation, torch.validation, strict=True), start=1):
        if (difference := relative(np.array(loss), np.array(other))) > limit:
            detail = f"epoch {epoch}: the validation loss is {loss:.6g} in Keras, {other:.6g} in torch"
            return Verdict("training", False, detail, difference, limit=limit, where="validation")
    outputs = max(map(relative, keras.trained_outputs, torch.trained_outputs), default=0.0)
    if outputs > limit:
        detail = f"the outputs after training differ by {outputs:.1e}, on equal weights"
        return Verdict("training", False, detail, outputs, limit=limit, where="outputs")
    steps, epochs = len(keras.losses), _epochs(keras)
    return Verdict("training", True, f"{steps} steps in {epochs} compared", max(worst, outputs), limit=limit)


def _rates(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {rate:g}" for name, rate in rates.items()) or "none"


def _training_detail(step: int, loss: float, other: float, name: str, difference: float) -> str:
    if not (np.isfinite(loss) and np.isfinite(other)):
        return f"step {step}: the loss is {loss} in Keras, {other} in torch"
    return (
        f"step {step}: '{name}' differs by {difference:.1e} after the update (loss {loss:.6g} and {other:.6g} before)"
    )


def step_differences(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the relative difference of every weight after one step."""
    return {name: relative(array, theirs[name]) for name, array in ours.items()}
