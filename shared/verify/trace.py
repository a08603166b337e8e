"""What one track shows of a model: layer outputs, gradients and training steps, on given weights and batches.

A trace travels between processes as a folder: an .npz file with its arrays, and a JSON file with everything else.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from twotrack.shared.spec.probe import LayerTrace

ARRAYS, INDEX = "arrays.npz", "trace.json"


@dataclass
class Trace:
    """All that the rungs of one track compare, in one precision."""

    layers: list[LayerTrace] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    """(batch, ...) in inference mode, before training."""
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    optimized: list[dict[str, np.ndarray]] = field(default_factory=list)
    """Parameters of the optimizer alone at every checkpoint, see optimizer_alone.py; empty where it was not run."""
    optimizer_rates: list[float] = field(default_factory=list)
    """The learning rates of these steps, where they can be read."""
    planned_rates: list[float] = field(default_factory=list)
    """The learning rate that each step of all stages of a whole run would have; none of an optimizer of the user's."""
    batches: str = ""
    """XXH3-128 of the bytes of all training batches."""
    epochs: list[int] = field(default_factory=list)
    """Of each training step, 0-based."""
    losses: list[float] = field(default_factory=list)
    """Before each training step."""
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    """After each training step, trainable and not."""
    validation: list[float] = field(default_factory=list)
    """The loss on a chapter's validation split, after each epoch."""
    trained_outputs: list[np.ndarray] = field(default_factory=list)
    """As `outputs`, after training."""


class _Layer(BaseModel):
    """A LayerTrace without its arrays."""

    path: str
    kind: str
    leaf: bool
    hyperparameters: dict[str, Any]
    inputs: int
    outputs: int


class _Index(BaseModel):
    """A Trace without its arrays: how many there are, and what they are called."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    layers: list[_Layer]
    outputs: int
    gradients: list[str]
    optimized: list[list[str]]
    optimizer_rates: list[float]
    planned_rates: list[float]
    batches: str
    epochs: list[int]
    losses: list[float]
    weights: list[list[str]]
    validation: list[float]
    trained_outputs: int


def save(trace: Trace, folder: Path) -> Path:
    """Write a trace into a new folder and return it."""
    folder.mkdir()
    np.savez(folder / ARRAYS, **_arrays(trace))  # type: ignore[arg-type]  # NumPy's stubs give every name the type of `allow_pickle`
    layers = [
        _Layer(**vars(layer) | {"inputs": len(layer.inputs), "outputs": len(layer.outputs)}) for layer in trace.layers
    ]
    counts = {"outputs": len(trace.outputs), "trained_outputs": len(trace.trained_outputs)}
    names = {
        "gradients": list(trace.gradients),
        "optimized": [list(parameters) for parameters in trace.optimized],
        "weights": [list(weights) for weights in trace.weights],
    }
    index = _Index(**vars(trace) | counts | names | {"layers": layers})
    (folder / INDEX).write_text(index.model_dump_json())
    return folder


def _arrays(trace: Trace) -> dict[str, np.ndarray]:
    arrays = _numbered("outputs", trace.outputs) | _numbered("trained", trace.trained_outputs)
    for number, layer in enumerate(trace.layers):
        arrays |= _numbered(f"{number}.in", layer.inputs) | _numbered(f"{number}.out", layer.outputs)
    arrays |= {f"gradient.{name}": array for name, array in trace.gradients.items()}
    return arrays | _by_step("optimized", trace.optimized) | _by_step("weight", trace.weights)


def _by_step(prefix: str, steps: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{step}.{name}": array for step, named in enumerate(steps) for name, array in named.items()}


def load(folder: Path) -> Trace:
    """Read what `save` wrote."""
    index = _Index.model_validate_json((folder / INDEX).read_text())
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:

        def take(prefix: str, count: int) -> list[np.ndarray]:
            return [arrays[f"{prefix}.{number}"] for number in range(count)]

        layers = [
            LayerTrace(
                **layer.model_dump()
                | {"inputs": take(f"{number}.in", layer.inputs), "outputs": take(f"{number}.out", layer.outputs)}
            )
            for number, layer in enumerate(index.layers)
        ]

        def by_step(prefix: str, steps: list[list[str]]) -> list[dict[str, np.ndarray]]:
            return [{name: arrays[f"{prefix}.{step}.{name}"] for name in names} for step, names in enumerate(steps)]

        return Trace(
            layers=layers,
            outputs=take("outputs", index.outputs),
            gradients={name: arrays[f"gradient.{name}"] for name in index.gradients},
            optimized=by_step("optimized", index.optimized),
            optimizer_rates=index.optimizer_rates,
            planned_rates=index.planned_rates,
            batches=index.batches,
            epochs=index.epochs,
            losses=index.losses,
            weights=by_step("weight", index.weights),
            validation=index.validation,
            trained_outputs=take("trained", index.trained_outputs),
        )


def _numbered(prefix: str, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{number}": value for number, value in enumerate(values)}
