"""The rung parameters: every weight has one counterpart of its shape."""

from collections.abc import Iterator

import numpy as np

from twotrack.shared.verify.keeping import apart
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import FailurePlace, RungResult, in_short
from twotrack.shared.verify.starts import broken, differences, seen, told_apart
from twotrack.shared.verify.trace import Trace


def check_parameters(torch: Observation, keras: Observation) -> RungResult:
    """Require that every weight has exactly one counterpart of the same canonical shape."""
    problems = list(_problems(torch, keras))
    if problems:
        detail = "; ".join(text for _, text in problems)
        return RungResult("parameters", False, detail, place=FailurePlace.WEIGHT, where=problems[0][0])
    differing = _differing(torch.traces["float64"], keras.traces["float64"])
    if differing:
        name, difference = next(iter(differing.items()))
        more = f", and {len(differing) - 1} more weights" if len(differing) > 1 else ""
        detail = f"'{name}' has other values in the two files, by {difference:.1e}{more}"
        return RungResult("parameters", False, detail, difference, limit=0.0, place=FailurePlace.WEIGHT, where=name)
    starts = torch.traces["float64"].drawn, keras.traces["float64"].drawn
    if unlike := broken(*starts):
        told = f"the pair says that both sides start alike; {told_apart(*starts, unlike)}"
        return RungResult("parameters", False, told, place=FailurePlace.START, where=unlike[0])
    values = sum(int(np.prod(shape)) for shape in keras.parameters.values())
    detail = "; ".join([f"{len(keras.parameters)} weights, {values:,} values, one to one", *_of_map(torch, keras)])
    counts = {"weights": len(keras.parameters), "values": values, "of the weights by rules of a map": keras.by_rules}
    counts |= {"constant": len(keras.constants), "unused": len(torch.unused) + len(keras.unused)}
    notes, (claims, told) = differences(*starts), seen(starts[1])
    if claims:
        counts["initial weights by distribution"], notes = claims, (told, *notes)
    counts = {what: count for what, count in counts.items() if count}
    return RungResult("parameters", True, detail, counts=counts, notes=notes)


def _of_map(torch: Observation, keras: Observation) -> Iterator[str]:
    """Yield what a weight map has to do with it."""
    if keras.by_rules:
        yield f"{keras.by_rules} by rules of a map"
    if keras.constants:
        yield f"in Keras only, and constant: {in_short([repr(name) for name in keras.constants])}"
    if torch.kept:
        yield f"in torch only, and constant: {in_short([repr(name) for name in torch.kept])}"
    for side, unused in (("torch", torch.unused), ("Keras", keras.unused)):
        if unused:
            yield f"unused in {side}, as outputs and gradients do not change with it: {in_short(map(repr, unused))}"


def _differing(torch: Trace, keras: Trace) -> dict[str, float]:
    """Return by how much weights of the user's own differ, relative to the largest of each; none that are equal."""
    return {
        name: apart(torch.start[name], array, torch.digested)
        for name, array in keras.start.items()
        if name in torch.start and not np.array_equal(torch.start[name], array)
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
    for side, unused in (("torch", torch.unused), ("Keras", keras.unused)):
        for name, depends in unused.items():
            if depends:
                yield name, f"'{name}' of {side} is called unused by the map, but {depends} changes with it"
    both = {name: (shape, torch.parameters.get(name, shape)) for name, shape in keras.parameters.items()}
    misshapen = {
        name: f"'{name}' has shape {own} in Keras, {other} in torch"
        for name, (own, other) in both.items()
        if own != other
    }
    if misshapen:
        yield next(iter(misshapen)), in_short(misshapen.values())
