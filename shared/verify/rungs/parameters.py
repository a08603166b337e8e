"""The rung parameters: every weight has one counterpart of its shape."""

from collections.abc import Iterator, Mapping

import numpy as np

from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, RungResult, in_short, relative


def check_parameters(torch: Observation, keras: Observation) -> RungResult:
    """Require that every weight has exactly one counterpart of the same canonical shape."""
    problems = list(_problems(torch, keras))
    if problems:
        detail = "; ".join(text for _, text in problems)
        return RungResult("parameters", False, detail, place=FailurePlace.WEIGHT, where=problems[0][0])
    apart = _apart(torch.traces["float64"].start, keras.traces["float64"].start)
    if apart:
        name, difference = next(iter(apart.items()))
        more = f", and {len(apart) - 1} more weights" if len(apart) > 1 else ""
        detail = f"'{name}' has other values in the two files, by {difference:.1e}{more}"
        return RungResult("parameters", False, detail, difference, limit=0.0, place=FailurePlace.WEIGHT, where=name)
    values = sum(int(np.prod(shape)) for shape in keras.parameters.values())
    detail = f"{len(keras.parameters)} weights, {values:,} values, one to one"
    return RungResult("parameters", True, detail, counts={"weights": len(keras.parameters), "values": values})


def _apart(torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return by how much weights of the user's own differ, relative to the largest of each; none that are equal."""
    return {
        name: relative(torch[name], array)
        for name, array in keras.items()
        if name in torch and not np.array_equal(torch[name], array)
    }


def _alone(one: Observation, other: Observation) -> list[str]:
    return [name for name in one.without_counterpart if name not in other.without_counterpart]


def _problems(torch: Observation, keras: Observation) -> Iterator[tuple[str, str]]:
    """Yield, for each way in which weights have no counterpart of their shape, the first one and a sentence on all."""
    for names, told in (
        ([name for name in keras.parameters if name not in torch.parameters], "{} in Keras only"),
        ([name for name in torch.parameters if name not in keras.parameters], "{} in torch only"),
        (_alone(torch, keras), "{} trained in torch and without a counterpart in Keras"),
        (_alone(keras, torch), "{} trained in Keras and without a counterpart in torch"),
    ):
        if names:
            quoted = in_short([f"'{name}'" for name in names])
            yield names[0], f"{quoted} {told.format('is' if len(names) == 1 else 'are')}"
    both = {name: (shape, torch.parameters.get(name, shape)) for name, shape in keras.parameters.items()}
    misshapen = {
        name: f"'{name}' has shape {own} in Keras, {other} in torch"
        for name, (own, other) in both.items()
        if own != other
    }
    if misshapen:
        yield next(iter(misshapen)), in_short(misshapen.values())
