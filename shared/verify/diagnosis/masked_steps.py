"""Steps that do not count: Keras' layers pass over them where a mask is sent along, torch's code does it by hand."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import MaskSteps, PoolSteps
from twotrack.shared.spec.inputs import Input
from twotrack.shared.verify.diagnosis.relations import Place, agree, candidate

Pool = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps a value (batch, steps, features) and 1 for the steps that count (batch, steps, 1) to (batch, features)."""
POOLS: Mapping[str, Pool] = {
    "mean": lambda value, counts: (value * counts).sum(1) / counts.sum(1),
    "sum": lambda value, counts: (value * counts).sum(1),
    "max": lambda value, counts: np.where(counts, value, -np.inf).max(1),
    "mean of all steps": lambda value, counts: (value * counts).mean(1),
}


def pooled(
    place: Place,
    keras: np.ndarray,
    before: Mapping[Place, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    specs: Mapping[str, Input],
) -> Iterator[Candidate]:
    """Yield which earlier value Keras has pooled at a place, by tokens that are not 0 or by a mask."""
    marks = {name: inputs[name] != 0 for name, spec in specs.items() if spec.kind in ("tokens", "mask")}
    for name, counts in marks.items():
        for source, value in before.items():
            if source.role == "outputs" and value.ndim == 3 and value.shape[:2] == counts.shape:
                yield from _of(place, keras, source, value, name, counts[..., None])


def _of(
    place: Place, keras: np.ndarray, source: Place, value: np.ndarray, name: str, counts: np.ndarray
) -> Iterator[Candidate]:
    for how, pool in POOLS.items():
        with np.errstate(all="ignore"):
            found = pool(value, counts)
        if np.isfinite(found).all() and agree(found, keras):
            told = f"the {how} of {source.told}, of the steps whose '{name}' is not 0 only"
            yield Candidate(
                changes=(
                    PoolSteps(
                        path=place.path,
                        role=place.role,
                        number=place.number,
                        source=source.path,
                        first=source.first,
                        counted=name,
                        how=how,
                    ),
                ),
                what=f"{place.told} is in Keras {told}, in torch it is not",
                torch_fix=f"{told}, by hand",
                keras_fix=f"no mask_zero, Masking or mask in front of '{source.path}', or what torch takes of it",
                entry="masked_steps",
            )


def passed_over(path: str, source: str, ignored: int, how: Literal["state", "zero"]) -> Candidate:
    """Return that Keras does not count the steps of an id."""
    told = {"state": f"'{path}' passes over them", "zero": f"what '{path}' gives is 0 for them"}[how]
    return candidate(
        MaskSteps(path=path, source=source, ignored=ignored, how=how),
        f"where the id in front of '{source}' is {ignored} Keras counts no step ({told}), torch counts all",
        f"leave out the steps where the id is {ignored} (in a recurrent layer by a loop over cells)",
        f"mask_zero=False in '{source}', or no mask for '{path}'",
        "masked_steps",
    )


def masked(path: str, value: float) -> Candidate:
    """Return that Keras' recurrent layer passes over the steps of which all numbers have a value."""
    told = f"the steps whose numbers are all {value:g}"
    return candidate(
        MaskSteps(path=path, source=path, ignored=value, how="state"),
        f"'{path}' passes over {told} in Keras (Masking), torch counts all",
        f"leave out {told}, by a loop over cells",
        f"no Masking in front of '{path}'",
        "masked_steps",
    )
