"""The weights of a pair's Keras side on their way from and to files, one tensor at a time.

The model is built without memory for its weights where the backend can, which is PyTorch. Where each of them lies in a
file is seen from a file that Keras itself writes, of as many different numbers.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from safetensors import safe_open

from twotrack.keras_track import weights
from twotrack.keras_track.axes import axis_layout
from twotrack.keras_track.checkpoints import StoredWeight, contents
from twotrack.keras_track.precision import set_precision
from twotrack.keras_track.session import start_afresh
from twotrack.keras_track.track import as_keras, built
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.weights import tensor_stream
from twotrack.shared.weights.bridge.names import require_same

LEGACY = "layer_names"
"""Attribute of a file of weights as Keras 2 and tf.keras write it."""
INSIDE = "model.weights.h5"
"""The weights in a .keras file."""


def read(pair: Pair, path: Path, out: Path, skip: Sequence[str]) -> list[str]:
    """Write a file's weights, in canonical form, to a .safetensors file; return what is to be said of it.

    Nothing can be skipped: a file of Keras holds its model. Raises UserError for a file that cannot be read,
    BridgeError if its weights are not the model's.
    """
    if skip:
        raise UserError("--skip is for checkpoints of torch; a file of Keras holds what its model has.")
    with _opened(path) as file:
        stored = contents(file)
        double = any(found.type == np.float64 for found in stored.values())
        skeleton = Skeleton(pair, "float64" if double else "float32")
        places = skeleton.legacy_places(file) if LEGACY in file.attrs else skeleton.places()
        _require_same(skeleton, places, stored, path)
        own = {name: places[id(entry.variable)] for name, entry in skeleton.table.items()}
        tensors = {n: tensor_stream.Tensor(stored[own[n]].type, entry.shape) for n, entry in skeleton.table.items()}
        arrays = tensor_stream.create(out, tensors, {})
        for name, entry in skeleton.table.items():
            value = entry.layout.to_canonical(file[own[name]][()])
            tensor_stream.require_finite(name, value, f"the weights in '{path}'")
            arrays[name][...] = value
    return skeleton.notes


def _require_same(
    skeleton: "Skeleton", places: Mapping[int, str], stored: Mapping[str, StoredWeight], path: Path
) -> None:
    """Raise BridgeError unless the file holds a tensor of its shape for every variable, and no other."""
    shapes = {id(variable): tuple(variable.shape) for variable in skeleton.network.variables}
    names = {places[id(entry.variable)]: f"'{name}'" for name, entry in skeleton.table.items()}
    expected = {place: shapes[number] for number, place in places.items()}
    found = {place: one.shape for place, one in stored.items()}
    require_same(expected, found, weights.MODEL, f"the weights in '{path}'", names)


def write(pair: Pair, canonical: Path, out: Path) -> list[str]:
    """Write canonical weights as .weights.h5; return what the canonical form does not hold.

    Raises BridgeError if they are not the model's.
    """
    with safe_open(canonical, "numpy") as given:
        names = list(given.keys())
        double = any(given.get_slice(name).get_dtype() == "F64" for name in names)
        skeleton = Skeleton(pair, "float64" if double else "float32")
        shapes = {name: tuple(given.get_slice(name).get_shape()) for name in names}
        require_same({name: entry.shape for name, entry in skeleton.table.items()}, shapes, weights.MODEL)
        places = skeleton.places(out)
        with h5py.File(out, "r+") as file:
            for name, entry in skeleton.table.items():
                own = entry.layout.from_canonical(given.get_tensor(name))
                file[places.pop(id(entry.variable))][...] = own
            for place in places.values():
                file[place][...] = 0
    return [*skeleton.notes, *(f"{name}: unused, so it is 0" for name in pair.unused_keras)]


def load(model: TrackModel, path: Path, skip: Sequence[str]) -> None:
    """Load a file into a built model, as Keras does; cast to its type."""
    as_keras(model).model.load_weights(path)


class Skeleton:
    """A pair's model whose weights take no memory, where that can be, and how its weights become canonical."""

    def __init__(self, pair: Pair, precision: Precision):
        self.notes: list[str] = []
        set_precision(precision)
        start_afresh(0)
        self.network, layout = self._plain(pair) or _network(pair)
        table = weights.name_table(self.network, layout)
        self.table = {name: entry for name, entry in table.items() if name not in pair.unused_keras}
        """Where every canonical weight lives."""

    def _plain(self, pair: Pair) -> tuple[keras.Model, weights.Rearranged] | None:
        """Build the model on PyTorch's device for shapes; None if it cannot be, or has to run to tell its layout."""
        if keras.backend.backend() != "torch":
            return None
        try:
            with keras.device("meta"):
                return _network(pair)
        except Exception as error:  # the user's own code may need numbers
            self.notes.append(f"Keras' weights take memory, as the model needs numbers ({one_line(error)})")
            return None

    def places(self, file: Path | None = None) -> dict[int, str]:
        """Return, by the identity of each variable that a file holds, its place there; leave the file if one is named.

        Keras writes a number of its own for each variable.
        """
        with tempfile.TemporaryDirectory() as folder:
            own = file or Path(folder, "own.weights.h5")
            numbered = [(one, _number(number, one)) for number, one in enumerate(self.network.variables)]
            with keras.device("cpu"), keras.StatelessScope(state_mapping=numbered):
                self.network.save_weights(own)
            with h5py.File(own) as written:
                found = {int(written[place][(0,) * len(one.shape)]): place for place, one in contents(written).items()}
                count = len(contents(written))
        variables = dict(enumerate(self.network.variables))
        if len(found) != count:
            raise UserError("Keras wrote two weights of the model to one place; name its layers apart.")
        return {id(variables[number]): place for number, place in found.items()}

    def legacy_places(self, file: h5py.File) -> dict[int, str]:
        """Return the places in a file of Keras 2 or tf.keras: layer by layer, weight by weight, in order."""
        layers = [layer for layer in self.network.layers if layer.weights]
        groups = [(name, own) for name in _texts(file, LEGACY) if (own := _texts(file.get(name), "weight_names"))]
        if len(groups) != len(layers):
            raise UserError(f"expected {len(layers)} layers with weights in the file, found {len(groups)}.")
        places: dict[int, str] = {}
        for layer, (name, own) in zip(layers, groups, strict=True):
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            if len(variables) != len(own):
                raise UserError(f"layer '{name}': expected {len(variables)} weights in the file, found {len(own)}.")
            places |= {id(one): f"{name}/{weight}" for one, weight in zip(variables, own, strict=True)}
        return places


def _network(pair: Pair) -> tuple[keras.Model, weights.Rearranged]:
    network = built(pair)
    return network, axis_layout(network, pair.specs).weights


def _number(number: int, variable: keras.Variable) -> Any:
    """Return a tensor of the variable's shape that has one number everywhere, and takes no memory in PyTorch."""
    one = keras.ops.cast(keras.ops.convert_to_tensor(number), variable.dtype)
    return keras.ops.broadcast_to(one, variable.shape)


def _texts(group: Any, attribute: str) -> list[str]:
    """Return the names that an attribute holds, which Keras splits where they are many."""
    if not isinstance(group, h5py.Group):
        return []
    parts = [attribute] if attribute in group.attrs else []
    parts += [f"{attribute}{number}" for number in range(len(group.attrs)) if f"{attribute}{number}" in group.attrs]
    names = [name for part in parts for name in group.attrs[part]]
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Yield the weights of a file, those inside .keras too; UserError if it cannot be read."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            if path.suffix == ".keras":
                with zipfile.ZipFile(path) as archive, archive.open(INSIDE) as inside:
                    path = Path(folder, INSIDE)
                    with path.open("wb") as file:
                        shutil.copyfileobj(inside, file)
            with h5py.File(path) as opened:
                yield opened
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is no readable Keras file: {str(error).splitlines()[0]}") from error
