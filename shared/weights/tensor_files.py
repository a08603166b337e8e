"""A published network's tensors in a .safetensors file: checked against a table, read into canonical form."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from twotrack.shared.errors import UserError
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import require_same
from twotrack.shared.weights.bridge.rules import Table

TYPES = {"F32", "F16"}


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in the file; UserError if it is damaged."""
    with _open(file) as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 - no dict


@dataclass(frozen=True)
class TensorFile:
    """A file that must hold exactly the tensors of a table."""

    path: Path
    table: Table
    own_names: Mapping[str, str]
    """The table's names to those in the file; what is in the file beside them is left alone."""
    model: str
    """What the table describes, for messages."""
    remedy: str
    """What to do about a file of another network, as an imperative phrase."""

    def check(self) -> None:
        """Raise UserError unless the file holds every tensor of the table, and `own_names` no other."""
        with _open(self.path) as tensors:
            slices = {name: tensors.get_slice(name_in_file) for name, name_in_file in self.own_names.items()}
            shapes_in_file = {name: tuple(tensor.get_shape()) for name, tensor in slices.items()}
            types = {name: tensor.get_dtype() for name, tensor in slices.items()}
        expected = {name: weight.shape for name, weight in self.table.items()}
        try:
            require_same(expected, shapes_in_file, self.model, f"the weights in '{self.path}'")
        except BridgeError as error:
            raise UserError(f"{error}; {self.remedy}.") from error
        for name, kind in types.items():
            if kind not in TYPES:
                wanted = " or ".join(sorted(TYPES))
                raise UserError(f"'{self.path}': '{name}' is of type {kind}; expected {wanted}: save it so.")

    def read(self) -> dict[str, np.ndarray]:
        """Return the tensors by canonical name, float32; UserError as for `check`, or if one is not finite."""
        self.check()
        weights = {}
        with _open(self.path) as tensors:
            for name, weight in self.table.items():
                own = tensors.get_tensor(self.own_names[name])
                if not np.isfinite(own).all():
                    raise UserError(f"'{self.path}': '{name}' has NaN or infinity; download the weights again.")
                weights[weight.canonical] = np.array(weight.layout.to_canonical(own), np.float32, order="C")
        return weights


@contextmanager
def _open(file: Path) -> Iterator[safe_open]:
    try:
        with safe_open(file, "numpy") as tensors:
            yield tensors
    except SafetensorError as error:
        raise UserError(f"'{file}' is damaged or no safetensors file ({error}); download the weights again.") from error
