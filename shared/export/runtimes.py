"""Runtimes that need neither framework: an exported model in, a function from inputs to outputs by name out."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from shared.export.formats import LOGITS, PROBABILITIES
from shared.harness.environment import available_cores

Predict = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def _threads() -> int:
    """Return how many threads an operation gets: what the worker was started with, or one per core."""
    return int(os.environ.get("OMP_NUM_THREADS") or available_cores())


def onnx(path: Path, track: str | None) -> Predict:
    """Load in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    outputs = [LOGITS, PROBABILITIES]
    return lambda inputs: dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))


def litert(path: Path, track: str | None) -> Predict:
    """Load in the LiteRT interpreter, which gives the only signature the size of each batch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=_threads())
    signature = interpreter.get_signature_runner()
    return lambda inputs: dict(signature(**inputs))


def saved_model(path: Path, track: str | None) -> Predict:
    """Load a SavedModel in TensorFlow's C++ runtime, without TensorFlow's Python."""
    from shared.serving.loader import LoadedModel, Place
    from shared.serving.protos import message

    model = LoadedModel(path)
    graph = message("MetaGraph").FromString(model.meta_graph)
    signature = {one.key: one.value for one in graph.signature_def}["serving_default"]
    inputs, outputs = (
        {one.key: Place.parse(one.value.name) for one in side} for side in (signature.inputs, signature.outputs)
    )

    def predict(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = model.run({place: given[name] for name, place in inputs.items()}, list(outputs.values()))
        return dict(zip(outputs, found, strict=True))

    return predict
