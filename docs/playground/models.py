"""Exported models of both tracks, with what the runs themselves said: the browser must say the same."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx.utils import extract_model

import twotrack
from docs.pictures.training import TRACKS, compared
from twotrack.shared import chapters
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.inputs import ONLY

FILES = Path(__file__).parent / "files"
FORMATS = {"torch": ("onnx", ".onnx"), "keras:tensorflow": ("litert", ".tflite")}
"""In which format a track's model goes into the browser: onnxruntime-web and LiteRT.js both have their part."""
CUSTOMERS = 8
"""Of the test split, with what the runs said of them."""
FAR = 200
"""A pixel, a number of months, a charge: far from 0, so that what float32 rounds counts little in the slope."""


def make() -> None:
    """Write every model, and facts.json."""
    FILES.mkdir(exist_ok=True)
    facts = {name: _game(name, slug) for name, slug in (("digits", "mnist_cnn"), ("customers", "neuron"))}
    (FILES / "facts.json").write_text(json.dumps(facts) + "\n")


def _game(name: str, slug: str) -> dict[str, Any]:
    """Export both tracks' models of a chapter; return how inputs are prepared, and examples with the runs' answers."""
    chapter, runs = chapters.get(slug), compared(slug, TRACKS)
    for track in TRACKS:
        _export(runs[track], name, first_layer=slug == "mnist_cnn")
    data = chapter.data()
    chosen = _one_of_each_class(data.test.labels) if slug == "mnist_cnn" else np.arange(CUSTOMERS)
    scale, offset = _preparation(data)
    return {
        "classes": list(data.class_names),
        "scale": scale,
        "offset": offset,
        "inputs": data.test.inputs[ONLY][chosen].reshape(len(chosen), -1).tolist(),
        "labels": data.test.labels[chosen].tolist(),
        "answers": _answers(runs, chosen),
    }


def _export(run: Run, name: str, first_layer: bool) -> None:
    track = run.record.job.track
    form, ending = FORMATS[track]
    out = FILES / f"{name}-{track.partition(':')[0]}{ending}"
    out.unlink(missing_ok=True)
    twotrack.export(run.folder, form, out)
    if form == "litert":
        take_one(out)
    if first_layer:
        _export_first_layer(run, FILES / f"maps-{track.partition(':')[0]}.onnx")


def take_one(file: Path) -> None:
    """Let a LiteRT model say that it takes one example; LiteRT.js 2.5.3 runs none that takes any number of them."""
    model = schema.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
    for tensor in [tensor for graph in model.subgraphs for tensor in graph.tensors]:
        tensor.shapeSignature = None
    builder = flatbuffers.Builder(file.stat().st_size)
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(builder.Output())


def _export_first_layer(run: Run, out: Path) -> None:
    """Write the model up to its first activation: (batch, height, width, 1) to (batch, channels, height, width)."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        twotrack.export(run.folder, "onnx", whole)
        graph = onnx.load(whole).graph
        activation = next(node for node in graph.node if node.op_type == "Relu")
        extract_model(str(whole), str(out), [graph.input[0].name], [activation.output[0]])


def _one_of_each_class(labels: np.ndarray) -> np.ndarray:
    return np.array([np.flatnonzero(labels == label)[0] for label in np.unique(labels)])


def _preparation(data: Dataset) -> tuple[list[float], list[float]]:
    """Return by what stored inputs are multiplied, and what is added, to prepare them: per feature, or one number."""
    stored = data.test.inputs[ONLY][:1]
    zero, far = (
        np.asarray(data.prepare({ONLY: np.full_like(stored, value)})[ONLY], np.float64).ravel() for value in (0, FAR)
    )
    scale, offset = (values if np.ptp(values) else values[:1] for values in ((far - zero) / FAR, zero))
    return scale.tolist(), offset.tolist()


def _answers(runs: Mapping[str, Run], chosen: np.ndarray) -> dict[str, list[list[float]]]:
    """Return by track the probabilities (examples, classes) that lie in the run folders."""
    return {track: metrics.probabilities(run.logits[chosen]).tolist() for track, run in runs.items()}
