"""What a file of weights holds of its optimizer, one of the framework's own, in canonical form.

Frameworks give some formulas other numbers to remember. Canonical are those of shared/spec/optimizers.py, which are
Keras' own: a velocity and a momentum of RMSprop have learning rates in them, in torch they have not.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.state import OptimizerState

if TYPE_CHECKING:
    import numpy as np

CARRIED: dict[str, type] = {
    "SGD": specs.SGD,
    "RMSprop": specs.RMSprop,
    "Adam": specs.Adam,
    "AdamW": specs.AdamW,
    "Adagrad": specs.Adagrad,
    "Adadelta": specs.Adadelta,
    "Adamax": specs.Adamax,
}
"""By the name of the class in both frameworks. Nadam's product of momenta is another one in torch."""
TINY = 1e-30
"""An epsilon that changes nothing but 0 / 0: where it is added is no matter of the state."""


@dataclass(frozen=True)
class CarriedOptimizer:
    """An optimizer of a framework's own: its numbers and what it remembers."""

    spec: Optimizer
    state: OptimizerState

    @property
    def name(self) -> str:
        """Of its class in both frameworks."""
        return type(self.spec).__name__

    @property
    def for_proof(self) -> Optimizer:
        """The same, without what the frameworks do differently and no state holds: where epsilon and decay act."""
        changes: dict[str, Any] = {"weight_decay": 0.0}
        return replace(self.spec, **changes | ({"epsilon": TINY} if hasattr(self.spec, "epsilon") else {}))


def save(carried: CarriedOptimizer, path: Path) -> None:
    """Write it to a file of safetensors for another process."""
    from safetensors.numpy import save_file

    state = carried.state
    numbers = {name: value for name, value in vars(carried.spec).items() if isinstance(value, bool | int | float)}
    about = {"name": carried.name, "spec": numbers, "updates": state.updates, "batches": state.batches}
    save_file(state.slots, path, metadata={"optimizer": json.dumps(about)})


def load(path: Path) -> CarriedOptimizer:
    """Read what `save` wrote."""
    from safetensors import safe_open

    slots: dict[str, np.ndarray] = {}
    with safe_open(path, "np") as file:
        about = json.loads(file.metadata()["optimizer"])
        for name in file.keys():  # noqa: SIM118  # safe_open is no mapping
            slots[name] = file.get_tensor(name)
    spec = CARRIED[about["name"]](**about["spec"])
    return CarriedOptimizer(spec, OptimizerState(slots, about["updates"], about["batches"]))
