"""Runtimes that need neither framework: an exported file in, a function from inputs to outputs by name out."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from shared.export.formats import LOGITS, PROBABILITIES

Predict = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def onnx(path: Path, track: str | None) -> Predict:
    """Load in ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [LOGITS, PROBABILITIES]
    return lambda inputs: dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))


def litert(path: Path, track: str | None) -> Predict:
    """Load in the LiteRT interpreter, which gives the only signature the size of each batch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))  # kept alive by the function: a signature alone does not
    signature = interpreter.get_signature_runner()
    return lambda inputs: dict(signature(**inputs))
