"""Which output of one side is which of the other's, where models give mappings, dataclasses or nested outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import relative

Arrays = Mapping[str, np.ndarray]
"""By name, in the order in which a side gives them."""


@dataclass
class Correspondence:
    """What was found."""

    names: dict[str, str] = field(default_factory=dict)
    """Keras' to torch's."""
    notes: tuple[str, ...] = ()
    """How, where names alone do not say it."""


def corresponding(torch: Observation, keras: Observation) -> Correspondence:
    """Match outputs by name, then by value, then by shape; UserError where one is left over.

    Sides that are not given the same weights, because these have no counterparts, are matched as far as they go: the
    ladder ends before it looks at outputs.
    """
    ours, theirs = _arrays(keras), _arrays(torch)
    found = Correspondence({name: name for name in ours if name in theirs and not _is_number(name)})
    for how, fits in (("value", _equal), ("shape", _alike)):
        _add(found, how, _matched(_left(ours, found.names), _left(theirs, found.names.values()), fits))
    ours, theirs = _left(ours, found.names), _left(theirs, found.names.values())
    if [array.shape for array in ours.values()] == [array.shape for array in theirs.values()]:
        _add(found, "order", dict(zip(ours, theirs, strict=True)))
    elif torch.parameters == keras.parameters:
        raise UserError(_left_over(torch, keras, ours, theirs, found.names))
    else:
        found.names |= dict(zip(ours, theirs, strict=False))
    if ours_alone := [*torch.given.others, *keras.given.others]:
        found.notes += (f"outputs that are no tensors were not compared: {', '.join(ours_alone)}",)
    return found


def require_some(side: Observation, track: str) -> None:
    """Raise UserError for a model of which nothing can be compared."""
    if not side.traces["float64"].outputs:
        found = ", ".join(side.given.others) or "nothing"
        raise UserError(f"the {track} model gives no tensor: expected at least one output, found {found}.")


def is_natural(side: Observation, names: list[str]) -> bool:
    """Tell whether a side gives these outputs, all of them and in this order, by itself."""
    return side.given.is_plain and list(side.given.names) == names


def _arrays(side: Observation) -> Arrays:
    return dict(zip(side.given.names, side.traces["float64"].outputs, strict=True))


def _is_number(name: str) -> bool:
    """Tell whether a name is that of a place in a tuple, which says nothing where the other side has names."""
    return name.isdigit()


def _left(arrays: Arrays, matched: object) -> Arrays:
    return {name: array for name, array in arrays.items() if name not in set(matched)}  # type: ignore[call-overload]


def _equal(keras: np.ndarray, torch: np.ndarray) -> bool:
    return relative(torch, keras) <= TOLERANCES["forward"].limit


def _alike(keras: np.ndarray, torch: np.ndarray) -> bool:
    return keras.shape == torch.shape


def _matched(keras: Arrays, torch: Arrays, fits: Callable[[np.ndarray, np.ndarray], bool]) -> dict[str, str]:
    """Return the outputs of which each fits one of the other side alone."""
    of_keras = {name: [other for other in torch if fits(keras[name], torch[other])] for name in keras}
    of_torch = {other: [name for name in keras if other in of_keras[name]] for other in torch}
    return {name: fit[0] for name, fit in of_keras.items() if len(fit) == 1 and len(of_torch[fit[0]]) == 1}


def _add(found: Correspondence, how: str, names: Mapping[str, str]) -> None:
    found.names |= names
    found.notes += tuple(
        f"Keras' output '{name}' is compared with torch's '{other}', found by {how}" for name, other in names.items()
    )


def _left_over(torch: Observation, keras: Observation, ours: Arrays, theirs: Arrays, names: Mapping[str, str]) -> str:
    alone = [f"Keras' '{name}'" for name in ours] + [f"torch's '{name}'" for name in theirs]
    example = dict(names) or {next(iter(_arrays(keras))): next(iter(_arrays(torch)))}
    return (
        f"the outputs do not correspond: Keras gives {_told(keras)}, torch gives {_told(torch)}; "
        f"{', '.join(alone)} {'has' if len(alone) == 1 else 'have'} no counterpart. "
        f"Say which are to be compared, as in Pair(outputs={example})."
    )


def _told(side: Observation) -> str:
    return ", ".join(f"'{name}' {array.shape}" for name, array in _arrays(side).items())
