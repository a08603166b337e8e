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
from unittest.mock import patch

import h5py
import keras
import numpy as np
from keras.src.saving import saving_lib

from twotrack.keras_track import weights
from twotrack.keras_track.axes import axis_layout
from twotrack.keras_track.builds import built
from twotrack.keras_track.checkpoints import StoredWeight, contents
from twotrack.keras_track.on_disk import weights_on_disk
from twotrack.keras_track.precision import set_precision
from twotrack.keras_track.session import start_afresh
from twotrack.keras_track.track_model import as_keras
from twotrack.shared.axes.layout import NO_LAYOUT
from twotrack.shared.base import pages
from twotrack.shared.base.pages import OnDisk
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.weights import tensor_stream
from twotrack.shared.weights.bridge.names import require_same

LEGACY = "layer_names"
"""Attribute of a file of weights as Keras 2 and tf.keras write it."""
WHOLE = ".keras"
INSIDE = "model.weights.h5"
"""The weights in a .keras file."""


def read(pair: Pair, path: Path, out: Path, skip: Sequence[str]) -> list[str]:
    """Write a file's weights, in canonical form, to a .safetensors file; return what is to be said of it.

    Nothing can be skipped: a file of Keras holds its model. Raises UserError for a file that cannot be read,
    BridgeError if its weights are not the model's.
    """
    if skip:
        raise UserError("--skip is for checkpoints of torch; a file of Keras holds what its model has.")
    with _opened(path, out.parent) as file:
        stored = contents(file)
        double = any(found.type == np.float64 for found in stored.values())
        skeleton = Skeleton(pair, "float64" if double else "float32")
        places = skeleton.legacy_places(file) if LEGACY in file.attrs else skeleton.own_places()
        _require_same(skeleton, places, stored, path)
        own = {name: places[id(entry.variable)] for name, entry in skeleton.table.items()}
        tensors = {n: tensor_stream.Tensor(stored[own[n]].type, entry.shape) for n, entry in skeleton.table.items()}
        arrays = tensor_stream.create(out, tensors, {})
        with pages.given_back([pages.span_of(array) for array in arrays.values()]):
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
    """Write canonical weights as .weights.h5 or .keras; return what the canonical form does not hold.

    Raises BridgeError if they are not the model's, UserError for a model that Keras cannot save whole.
    """
    given = tensor_stream.opened(canonical)
    double = any(array.dtype == np.float64 for array in given.values())
    skeleton = Skeleton(pair, "float64" if double else "float32")
    shapes = {name: array.shape for name, array in given.items()}
    require_same({name: entry.shape for name, entry in skeleton.table.items()}, shapes, weights.MODEL)
    with pages.given_back([pages.span_of(array) for array in given.values()]):
        if out.suffix == WHOLE:
            _write_whole(skeleton, given, out)
        else:
            skeleton.save(out)
            _fill(skeleton, given, out)
    return [*skeleton.notes, *(f"{name}: unused, so it is 0" for name in pair.unused_keras)]


def _fill(skeleton: "Skeleton", given: Mapping[str, np.ndarray], path: Path) -> None:
    """Put canonical weights where the skeleton has written numbers, and 0 where there are none."""
    places = skeleton.places(path)
    with h5py.File(path, "r+") as file:
        for name, entry in skeleton.table.items():
            file[places.pop(id(entry.variable))][...] = entry.layout.from_canonical(given[name])
        for place in places.values():
            file[place][...] = 0


def _write_whole(skeleton: "Skeleton", given: Mapping[str, np.ndarray], out: Path) -> None:
    """Write a .keras file: what Keras says of the model, and the weights."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        numbered, inside = Path(folder, out.name), Path(folder, INSIDE)
        skeleton.save_whole(numbered)
        _extract(numbered, inside)
        _fill(skeleton, given, inside)
        with zipfile.ZipFile(numbered) as before, zipfile.ZipFile(out, "w") as archive:
            for name in before.namelist():
                if name != INSIDE:
                    archive.writestr(name, before.read(name))
            archive.write(inside, INSIDE)


def load(model: TrackModel, path: Path, skip: Sequence[str]) -> None:
    """Load a file into a built model, as Keras does; cast to its type."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        inside = Path(folder, INSIDE)
        if path.suffix == WHOLE:  # of which Keras reads all weights at once
            _extract(path, inside)
        as_keras(model).model.load_weights(inside if path.suffix == WHOLE else path)


def built_on_disk(track: Track, pair: Pair, disk: OnDisk) -> TrackModel:
    """Build the pair's side in float64, its large weights zeros in files.

    Memory holds them if how the model's values lie has to be found from what it computes.
    """
    with weights_on_disk(disk):
        model = track.build(pair, 0, "float64")
    return model if as_keras(model).layout == NO_LAYOUT else track.build(pair, 0, "float64")


class Skeleton:
    """A pair's model whose weights take no memory, where that can be, and how its weights become canonical."""

    def __init__(self, pair: Pair, precision: Precision):
        self.notes: list[str] = []
        self._picks_outputs = bool(pair.outputs)
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

    def save(self, path: Path) -> None:
        """Let Keras write .weights.h5 with a number of its own in the place of each variable."""
        with self._numbered():
            self.network.save_weights(path)

    def save_whole(self, path: Path) -> None:
        """Let Keras write .keras in the same way; UserError if it cannot save the model."""
        shown = type(self.network)
        if self._picks_outputs:
            self.network.__class__ = shown.__bases__[0]
        try:
            # Where there is memory for it, Keras has all of the file in memory.
            with self._numbered(), patch.object(saving_lib, "is_memory_sufficient", lambda model: False):
                self.network.save(path)
        except Exception as error:  # the user's own get_config
            raise UserError(f"Keras cannot save the model whole ({one_line(error)}); write .weights.h5.") from error
        finally:
            self.network.__class__ = shown

    @contextmanager
    def _numbered(self) -> Iterator[None]:
        numbered = [(one, _number(number, one)) for number, one in enumerate(self.network.variables)]
        with keras.device("cpu"), keras.StatelessScope(state_mapping=numbered):
            yield

    def own_places(self) -> dict[int, str]:
        """Return, by the identity of each variable that a file of Keras holds, its place there."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder, INSIDE))
            return self.places(Path(folder, INSIDE))

    def places(self, path: Path) -> dict[int, str]:
        """Return the same, of a file that has the numbers."""
        with h5py.File(path) as written:
            stored = contents(written)
            found = {int(written[place][(0,) * len(one.shape)]): place for place, one in stored.items()}
        variables = dict(enumerate(self.network.variables))
        if len(found) != len(stored):
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


def _extract(path: Path, inside: Path) -> None:
    """Copy the weights out of a .keras file."""
    with zipfile.ZipFile(path) as archive, archive.open(INSIDE) as own, inside.open("wb") as file:
        shutil.copyfileobj(own, file)


@contextmanager
def _opened(path: Path, room: Path) -> Iterator[h5py.File]:
    """Yield the weights of a file, those inside .keras too; UserError if it cannot be read.

    What has to be unpacked goes into the folder `room`.
    """
    try:
        with tempfile.TemporaryDirectory(dir=room) as folder:
            if path.suffix == WHOLE:
                _extract(path, Path(folder, INSIDE))
            with h5py.File(Path(folder, INSIDE) if path.suffix == WHOLE else path) as opened:
                yield opened
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is no readable Keras file: {str(error).splitlines()[0]}") from error
