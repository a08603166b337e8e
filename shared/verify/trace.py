"""What one track shows of a model: layer outputs, gradients and training steps, on given weights and batches.

Arrays travel between processes as one .npz file; everything else is the JSON-ready dictionary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.probe import LayerTrace


@dataclass
class Trace:
    """All that the rungs of one track compare, in one precision."""

    layers: list[LayerTrace] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    """Before each training step."""
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    """After each training step, trainable and not."""
    epochs: list[int] = field(default_factory=list)
    """Of each training step, 0-based."""
    batches: str = ""
    """XXH3-128 of the bytes of all training batches."""
    validation: list[float] = field(default_factory=list)
    """The loss on a chapter's validation split, after each epoch."""
    trained_outputs: list[np.ndarray] = field(default_factory=list)
    """As `outputs`, after training."""


def save(trace: Trace, file: Path) -> dict[str, Any]:
    """Write the arrays to `file`; return the rest."""
    arrays: dict[str, np.ndarray] = {}
    for number, layer in enumerate(trace.layers):
        _put(arrays, f"{number}.in", layer.inputs)
        _put(arrays, f"{number}.out", layer.outputs)
    _put(arrays, "outputs", trace.outputs)
    arrays |= {f"gradient.{name}": array for name, array in trace.gradients.items()}
    _put(arrays, "trained", trace.trained_outputs)
    for step, weights in enumerate(trace.weights):
        arrays |= {f"weight.{step}.{name}": array for name, array in weights.items()}
    np.savez(file, **arrays)
    layers = [
        {key: value for key, value in vars(layer).items() if key not in {"inputs", "outputs"}}
        | {"inputs": len(layer.inputs), "outputs": len(layer.outputs)}
        for layer in trace.layers
    ]
    return {
        "file": str(file),
        "layers": layers,
        "outputs": len(trace.outputs),
        "gradients": list(trace.gradients),
        "losses": trace.losses,
        "epochs": trace.epochs,
        "batches": trace.batches,
        "validation": trace.validation,
        "trained_outputs": len(trace.trained_outputs),
        "weights": [list(weights) for weights in trace.weights],
    }


def load(content: Mapping[str, Any]) -> Trace:
    """Read what `save` wrote and returned."""
    with np.load(content["file"], allow_pickle=False) as arrays:
        layers = [
            LayerTrace(
                **(
                    layer
                    | {
                        "inputs": _take(arrays, f"{number}.in", layer["inputs"]),
                        "outputs": _take(arrays, f"{number}.out", layer["outputs"]),
                    }
                )
            )
            for number, layer in enumerate(content["layers"])
        ]
        return Trace(
            layers=layers,
            outputs=_take(arrays, "outputs", content["outputs"]),
            gradients={name: arrays[f"gradient.{name}"] for name in content["gradients"]},
            losses=content["losses"],
            epochs=content["epochs"],
            batches=content["batches"],
            validation=content["validation"],
            trained_outputs=_take(arrays, "trained", content["trained_outputs"]),
            weights=[
                {name: arrays[f"weight.{step}.{name}"] for name in names}
                for step, names in enumerate(content["weights"])
            ],
        )


def _put(arrays: dict[str, np.ndarray], prefix: str, values: list[np.ndarray]) -> None:
    arrays.update({f"{prefix}.{number}": value for number, value in enumerate(values)})


def _take(arrays: Mapping[str, np.ndarray], prefix: str, count: int) -> list[np.ndarray]:
    return [arrays[f"{prefix}.{number}"] for number in range(count)]
