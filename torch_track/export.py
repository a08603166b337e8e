"""A chapter's torch model as a file for other runtimes: torch.export (.pt2) and ONNX.

Both are made of one exported graph. It takes a dict of inputs by name, channels last and tokens int32 as everywhere
in this package, and moves axes and types itself, so that every format of a model takes the same arrays.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.export import canonical
from twotrack.shared.export.formats import LOGITS, PROBABILITIES
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.spec.inputs import Input
from twotrack.torch_track.track_model import as_torch

TRACK = "torch"
METADATA = "twotrack.json"
TRACED = 2
"""Examples in the batch that is followed through the model; torch.export takes 1 for a constant."""


class Served(nn.Module):
    """Inputs by name to logits and probabilities by name."""

    def __init__(self, module: nn.Module, inputs: Mapping[str, Input]):
        super().__init__()
        self.module, self._inputs = module, dict(inputs)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Map inputs (batch, ...), channels last, to logits (batch, classes or 1), probabilities (batch, classes)."""
        logits = self.module(*(_as_torch(inputs[name], spec) for name, spec in self._inputs.items()))
        return {LOGITS: logits, PROBABILITIES: _probabilities(logits)}


def _as_torch(values: Tensor, spec: Input) -> Tensor:
    if spec.kind == "tokens":
        return values.to(torch.int64)
    in_place = spec.axes == tuple(range(len(spec.axes)))
    return values if in_place else values.permute(spec.axes).contiguous()


def _probabilities(logits: Tensor) -> Tensor:
    if logits.shape[-1] > 1:
        return torch.softmax(logits, dim=-1)
    return torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], dim=-1)


def exported(subject: ExportSubject) -> torch.export.ExportedProgram:
    """Return the graph of the run's model, for batches of any size."""
    served = Served(as_torch(subject.model(TRACK)).module, subject.inputs).eval()
    batch = torch.export.Dim("batch")
    with torch.no_grad():
        return torch.export.export(
            served,
            (_tensors(subject.examples(TRACED)),),
            dynamic_shapes=({name: {0: batch} for name in subject.inputs},),
        )


def torch_export(subject: ExportSubject, path: Path) -> None:
    """Write a .pt2 file."""
    torch.export.save(exported(subject), path, extra_files={METADATA: json.dumps(subject.metadata())})


def open_torch_export(path: Path) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Load a .pt2 file, with none of this package's models."""
    return _predict(torch.export.load(path).module())


def _predict(module: nn.Module) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    def predict(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            return {name: tensor.numpy() for name, tensor in module(_tensors(inputs)).items()}

    return predict


def open_eager(path: Path) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Build the model of a .safetensors export and run it as it is, without a graph."""
    model, inputs = canonical.build(path, TRACK)
    return _predict(Served(as_torch(model).module, inputs).eval())


def onnx(subject: ExportSubject, path: Path) -> None:
    """Write an .onnx file, weights and all."""
    program = torch.onnx.export(
        exported(subject),
        input_names=list(subject.inputs),
        output_names=[LOGITS, PROBABILITIES],
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("expected torch.onnx to return what it exported, found nothing.")
    (axis, *_) = program.model.graph.inputs[0].shape or (None,)
    if axis is None or isinstance(axis, int):
        raise RuntimeError(f"expected a graph that takes batches of any size, found {axis}.")
    program.rename_axes({axis: "batch"})
    program.model.metadata_props.update(subject.metadata())
    program.save(path, external_data=False)


def _tensors(inputs: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in inputs.items()}


EXPORTERS = {"onnx": onnx, "torch-export": torch_export}
OPENERS = {"torch-export": open_torch_export, "torch": open_eager}
"""By the name of the format in shared/export/formats.py."""
