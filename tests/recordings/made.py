"""Recordings of a small network that NumPy computes, in any style of names and axes: no framework is needed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.recordings import standalone
from twotrack.shared.recordings.standalone import MANIFEST, Writer

ENVIRONMENT = {"python": "3.7.0", "platform": "elsewhere", "packages": {"numpy": "1.17"}}


@dataclass
class Network:
    """relu(x @ first + bias) @ second, in the way of Keras, or in that of torch: other names, kernels transposed."""

    style: str = "keras"
    dtype: str = "float64"
    seed: int = 0
    data: int = 1
    """Seed of the inputs."""
    steps: int = 3
    shift: float = 0.0
    """Added to what `first` gives, in this side's code."""
    rate: float = 0.1
    rates: Mapping[int, float] = field(default_factory=dict)
    """Of single steps."""

    def weights(self) -> dict[str, np.ndarray]:
        drawn = np.random.default_rng(self.seed)
        shapes = {"first.kernel": (6, 4), "first.bias": (4,), "second.kernel": (4, 3)}
        return {name: drawn.normal(size=shape).astype(self.dtype) for name, shape in shapes.items()}

    def inputs(self) -> np.ndarray:
        return np.random.default_rng(self.data).normal(size=(5, 6)).astype(self.dtype)

    def forward(self, weights: Mapping[str, np.ndarray], inputs: np.ndarray) -> list[np.ndarray]:
        """Return what `first`, relu and `second` give."""
        first = inputs @ weights["first.kernel"] + weights["first.bias"] + np.asarray(self.shift, self.dtype)
        hidden = np.maximum(first, 0)
        return [first, hidden, hidden @ weights["second.kernel"]]

    def backward(self, weights: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        """Return the loss, the mean of the squares of the outputs, and its gradients."""
        inputs = self.inputs()
        first, hidden, outputs = self.forward(weights, inputs)
        error = 2 * outputs / outputs.size
        inner = (error @ weights["second.kernel"].T) * (first > 0)
        gradients = {
            "first.kernel": inputs.T @ inner,
            "first.bias": inner.sum(0),
            "second.kernel": hidden.T @ error,
        }
        return float((outputs**2).mean()), gradients

    def own(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return weights or gradients as this style has them."""
        if self.style == "keras":
            return dict(arrays)
        names = {"first.kernel": "fc.weight", "first.bias": "fc.bias", "second.kernel": "head.weight"}
        return {names[name]: array.T if array.ndim == 2 else array for name, array in arrays.items()}

    def record(self, out: Path, change: Callable[[dict[str, Any]], None] = lambda manifest: None) -> Path:
        """Write the recording; `change` may change what recording.json is to say."""
        writer, weights = Writer(out), self.weights()
        paths = ("first", "relu", "second") if self.style == "keras" else ("fc", "activation", "head")
        values = self.forward(weights, self.inputs())
        given = [self.inputs(), *values[:-1]]
        manifest = {
            "created": standalone.now(),
            "name": "network",
            "framework": self.style,
            "names": "own",
            "precision": self.dtype,
            "device": "cpu",
            "environment": ENVIRONMENT,
            "weights": [
                {"name": name, "tensor": writer.add(array), "trainable": True}
                for name, array in self.own(weights).items()
            ],
            "inputs": [{"name": "", "tensor": writer.add(self.inputs())}],
            "outputs": [{"name": "", "tensor": writer.add(values[-1])}],
            "calls": [
                {"path": path, "kind": path.title(), "leaf": True, "hyperparameters": {"units": 4}}
                | {"inputs": [writer.add(before)], "outputs": [writer.add(after)]}
                for path, before, after in zip(paths, given, values, strict=True)
            ],
            "steps": self._trained(writer, weights),
        }
        change(manifest)
        writer.finish(manifest)
        return out

    def _trained(self, writer: Writer, weights: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        steps = []
        for number in range(1, self.steps + 1):
            loss, gradients = self.backward(weights)
            rate = self.rates.get(number, self.rate)
            weights = {name: array - np.asarray(rate, self.dtype) * gradients[name] for name, array in weights.items()}
            kept = [
                {name: writer.add(array) for name, array in self.own(arrays).items()} for arrays in (gradients, weights)
            ]
            steps.append({"number": number, "loss": loss, "gradients": kept[0], "weights": kept[1]})
        return steps


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a recording's recording.json says."""
    file = folder / MANIFEST
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
