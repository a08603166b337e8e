"""The rung parameters: every weight has one counterpart of its shape."""

from collections.abc import Iterator

import numpy as np

from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, RungResult


def check_parameters(torch: Observation, keras: Observation) -> RungResult:
    """Require that every weight has exactly one counterpart of the same canonical shape."""
    problems = list(_parameter_problems(torch, keras))
    if problems:
        detail = "; ".join(text for _, text in problems)
        return RungResult("parameters", False, detail, place=FailurePlace.WEIGHT, where=problems[0][0])
    values = sum(int(np.prod(shape)) for shape in keras.parameters.values())
    detail = f"{len(keras.parameters)} weights, {values:,} values, one to one"
    return RungResult("parameters", True, detail, counts={"weights": len(keras.parameters), "values": values})


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
