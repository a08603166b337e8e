"""Runtimes that need neither framework: an exported model in, a function from inputs to outputs by name out."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from twotrack.shared.export.formats import LOGITS, PROBABILITIES
from twotrack.shared.export.serving.repository import SAVED_MODEL
from twotrack.shared.workers.environment import available_cores

Predict = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def _threads() -> int:
    """Return how many threads an operation gets: what the worker was started with, or one per core."""
    return int(os.environ.get("OMP_NUM_THREADS") or available_cores())


def onnx(path: Path) -> Predict:
    """Load in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    outputs = [LOGITS, PROBABILITIES]
    return lambda inputs: dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))


def litert(path: Path) -> Predict:
    """Load in the LiteRT interpreter, which gives the only signature the size of each batch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=_threads())
    signature = interpreter.get_signature_runner()
    return lambda inputs: dict(signature(**inputs))


def saved_model(path: Path) -> Predict:
    """Load a SavedModel in TensorFlow's C++ runtime, without TensorFlow's Python."""
    from twotrack.shared.export.tf_serving import loaded
    from twotrack.shared.export.tf_serving.loader import LoadedModel
    from twotrack.shared.export.tf_serving.names import DEFAULT

    model = LoadedModel(path)
    meta_graph = loaded.meta_graph((path / SAVED_MODEL).read_bytes())
    signature = loaded.signatures(meta_graph)[DEFAULT]
    return lambda inputs: signature.ask(model, inputs)


RUNTIMES: dict[str, Callable[[Path], Predict]] = {"onnx": onnx, "litert": litert, "saved-model": saved_model}
"""By the name of the format."""
