"""What a file of weights holds of its optimizer, in canonical form.

Frameworks give some formulas other numbers to remember. Canonical are those of shared/spec/optimizers.py, which are
Keras' own: a velocity and a momentum of RMSprop have learning rates in them, in torch they have not.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.state import SLOTS, OptimizerState
from twotrack.shared.spec.update_options import EMA, SWA, Average, Group

if TYPE_CHECKING:
    import numpy as np

CARRIED: dict[str, type] = {kind.__name__: kind for kind in SLOTS}
"""By the name of the class: all of them."""
OF_TORCH: dict[str, str] = {
    "SGD": "SGD",
    "RMSprop": "RMSprop",
    "Adam": "Adam",
    "AdamW": "AdamW",
    "Adagrad": "Adagrad",
    "Adadelta": "Adadelta",
    "Adamax": "Adamax",
    "Nadam": "NAdam",
}
"""Those that torch has too, and what it calls them. A torch file of another one is that of twotrack's own optimizer."""
_OPTIONS = ("groups", "clip", "average")
"""Fields of a spec that are no numbers."""
TINY = 1e-30
"""An epsilon that changes nothing but 0 / 0: where it is added is no matter of the state."""


def torch_has(spec: Optimizer) -> bool:
    """Whether an optimizer of torch's own, with an AveragedModel beside it, remembers what this one does."""
    average = spec.average
    is_plain = average is None or (isinstance(average, EMA) and not average.overwrite_every)
    return type(spec).__name__ in OF_TORCH and spec.accumulate == 1 and is_plain


def keras_has(spec: Optimizer) -> bool:
    """Whether an optimizer of Keras' own remembers what this one does."""
    return spec.accumulate == 1 and not isinstance(spec.average, SWA)


def is_of(found: str, spec: Optimizer) -> bool:
    """Whether the state of the optimizer `found` is one of a spec; Adam and AdamW remember the same."""
    return _family(found) == _family(type(spec).__name__)


def _family(name: str) -> str:
    return "adam" if name.lower() in ("adam", "adamw") else name.lower()


@dataclass(frozen=True)
class CarriedOptimizer:
    """An optimizer: its numbers and what it remembers."""

    spec: Optimizer
    state: OptimizerState
    notes: Sequence[str] = ()
    """What the user is to know of it."""

    @property
    def name(self) -> str:
        """Of its class."""
        return type(self.spec).__name__

    @property
    def for_proof(self) -> Optimizer:
        """The same, without what frameworks' own do differently and no state holds: where epsilon and decay act."""
        if not torch_has(self.spec):
            return self.spec  # twotrack's own in torch, which does all as Keras' does
        groups = tuple(replace(group, weight_decay=None) for group in self.spec.groups)
        changes: dict[str, Any] = {"weight_decay": 0.0, "clip": None, "groups": groups}
        return replace(self.spec, **changes | ({"epsilon": TINY} if hasattr(self.spec, "epsilon") else {}))


def save(carried: CarriedOptimizer, path: Path) -> None:
    """Write it to a file of safetensors for another process; clipping, of which nothing is remembered, is left out."""
    from safetensors.numpy import save_file

    state, spec = carried.state, carried.spec
    about = {
        "name": carried.name,
        "spec": {name: value for name, value in vars(spec).items() if name not in _OPTIONS},
        "groups": [vars(group) for group in spec.groups],
        "average": [type(spec.average).__name__, vars(spec.average)] if spec.average else None,
        "state": {name: value for name, value in vars(state).items() if name != "slots"},
        "notes": list(carried.notes),
    }
    save_file(state.slots, path, metadata={"optimizer": json.dumps(about)})


def load(path: Path) -> CarriedOptimizer:
    """Read what `save` wrote."""
    from safetensors import safe_open

    slots: dict[str, np.ndarray] = {}
    with safe_open(path, "np") as file:
        about = json.loads(file.metadata()["optimizer"])
        for name in file.keys():  # noqa: SIM118  # safe_open is no mapping
            slots[name] = file.get_tensor(name)
    groups = tuple(Group(**group) for group in about["groups"])
    spec = CARRIED[about["name"]](**about["spec"], groups=groups, average=_average(about["average"]))
    return CarriedOptimizer(spec, OptimizerState(slots, **about["state"]), about["notes"])


def _average(told: tuple[str, dict[str, Any]] | None) -> Average | None:
    kinds: dict[str, type[Average]] = {"EMA": EMA, "SWA": SWA}
    return kinds[told[0]](**told[1]) if told else None


def like(own: Optimizer | None, spec: Optimizer) -> Optimizer:
    """Return a spec that a file told with the options that it does not tell: groups and averages of one's own."""
    if own is None:
        return spec
    return replace(spec, groups=own.groups, average=spec.average or own.average, accumulate=own.accumulate)


def other_optimizer(path: Path, found: str, own: Optimizer) -> str:
    """Return what to say of a file of another optimizer than one's own."""
    return (
        f"'{path}': expected the state of {type(own).__name__}, which is the model's optimizer, found that of {found}; "
        "name the file's own: --set optimizer=NAME of a chapter, optimizer= of a Pair."
    )


def no_averages(path: Path, places: str) -> str:
    """Return what to say of a file without averages where the optimizer keeps some."""
    return f"'{path}' holds no averages of weights, which the optimizer keeps: expected {places}; leave average= out."
