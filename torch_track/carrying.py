"""The weights of a pair's torch side on their way from and to files, one tensor at a time.

The module is built without memory for its weights. They stay in the checkpoint's file, or are written straight into the
new one's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.axes.layout import NO_LAYOUT
from twotrack.shared.base import pages
from twotrack.shared.base.pages import OnDisk
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Track, TrackModel
from twotrack.shared.weights import tensor_stream
from twotrack.shared.weights.bridge.layouts import Rearrangement
from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track import weights
from twotrack.torch_track.axes import axis_layout, has_no_layout
from twotrack.torch_track.builds import built
from twotrack.torch_track.entries import Weight
from twotrack.torch_track.on_disk import weights_on_disk
from twotrack.torch_track.state_files import fitted, read_state
from twotrack.torch_track.track_model import as_torch

METADATA = {"format": "pt"}


def read(pair: Pair, path: Path, out: Path, skip: Sequence[str]) -> list[str]:
    """Write a checkpoint's weights, in canonical form, to a .safetensors file; return what is not kept.

    Raises UserError for a file that cannot be read, BridgeError if its weights are not the module's.
    """
    skeleton = Skeleton(pair)
    notes = skeleton.state(path, skip)
    table = skeleton.table()
    tensors = {name: tensor_stream.Tensor(entry.type, entry.shape) for name, entry in table.items()}
    arrays = tensor_stream.create(out, tensors, {})
    with pages.given_back([*skeleton.spans, *map(pages.span_of, arrays.values())]):
        for name, entry in table.items():
            value = entry.own()
            tensor_stream.require_finite(name, value, f"the weights in '{path}'")
            arrays[name][...] = value
    return [*skeleton.notes, *notes]


def write(pair: Pair, canonical: Path, out: Path) -> list[str]:
    """Write canonical weights as a checkpoint; return what the canonical form does not hold.

    Raises BridgeError if they are not the module's.
    """
    skeleton, raw = Skeleton(pair), out if out.suffix == ".safetensors" else out.with_suffix(".raw")
    given = tensor_stream.opened(canonical)
    double = any(array.dtype == np.float64 for array in given.values())
    state = skeleton.new_state(raw, np.dtype("float64" if double else "float32"))
    table = skeleton.table()
    shapes = {name: array.shape for name, array in given.items()}
    require_same({name: entry.shape for name, entry in table.items()}, shapes, weights.MODEL)
    with pages.given_back([*skeleton.spans, *map(pages.span_of, given.values())]):
        for name, entry in table.items():
            _assign(name, entry, given[name])
        notes = [*skeleton.notes, *skeleton.finish()]
        if raw != out:
            torch.save(state, out)
    if raw != out:
        raw.unlink()
    return notes


def _assign(name: str, entry: Weight, array: np.ndarray) -> None:
    """Copy a canonical weight to where it lives; UserError if it lives nowhere and is not the map's constant."""
    if not entry.tensors and not np.array_equal(array, entry.own().astype(array.dtype)):
        raise UserError(f"'{name}' is a constant of the weight map, and the file has other values; torch has no place.")
    entry.assign(array)


def load(model: TrackModel, path: Path, skip: Sequence[str]) -> None:
    """Load a checkpoint into a built model, cast to its type."""
    module = as_torch(model).module
    state, _ = fitted(read_state(path), _first_names(module), skip)
    with pages.given_back(_spans(state)):
        module.load_state_dict(state, strict=False)


def _spans(state: Mapping[str, Tensor]) -> list[pages.Span]:
    """Return where tensors of a checkpoint lie."""
    storages = [tensor.untyped_storage() for tensor in state.values()]
    return [pages.Span(storage.data_ptr(), storage.nbytes(), storage) for storage in storages]


def _first_names(module: nn.Module) -> dict[str, str]:
    """Return the module's names of weights and buffers, each with the first name of the same tensor."""
    first: dict[int, str] = {}
    own = {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if not _is_counter(name)}
    return {name: first.setdefault(id(tensor), name) for name, tensor in own.items()}


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] in weights.NOT_WEIGHTS


def built_on_disk(track: Track, pair: Pair, disk: OnDisk) -> TrackModel:
    """Build the pair's side in float64, its large weights zeros in files.

    Memory holds them if how the model's values lie has to be found from what it computes.
    """
    with weights_on_disk(disk):
        model = track.build(pair, 0, "float64")
    return model if as_torch(model).layout == NO_LAYOUT else track.build(pair, 0, "float64")


class Skeleton:
    """A pair's module whose weights take no memory, and how its weights become canonical."""

    def __init__(self, pair: Pair):
        self.notes: list[str] = []
        self.spans: list[pages.Span] = []
        """Where the tensors lie that took the place of the module's own."""
        self._pair = pair
        self.module, self._layout = self._plain() or self._whole()
        self._first = _first_names(self.module)
        self._kept = self._constants() if pair.kept_torch else {}

    def _constants(self) -> dict[str, Tensor]:
        """Return the buffers that Keras does not have, as the module is built with them."""
        own = self.module.state_dict()
        if any(own[name].is_meta for name in self._pair.kept_torch):
            own = built(self._pair).state_dict()
        return {name: own[name].clone() for name in self._pair.kept_torch}

    def _plain(self) -> tuple[nn.Module, Mapping[str, Rearrangement]] | None:
        """Build the module on torch's device for shapes; None if it cannot be, or has to run to tell its layout."""
        try:
            with torch.device("meta"):
                module = built(self._pair)
                if has_no_layout(module, self._pair.specs):
                    return module, {}
        except Exception as error:  # the user's own code may need numbers
            self.notes.append(
                f"the torch model cannot be built without its weights ({one_line(error)}); memory has all"
            )
        return None

    def _whole(self) -> tuple[nn.Module, Mapping[str, Rearrangement]]:
        module = built(self._pair)
        return module, axis_layout(module, self._pair.specs).weights

    def state(self, path: Path, skip: Sequence[str]) -> list[str]:
        """Let the module's tensors be those of a checkpoint; return what was done to names.

        Raises BridgeError if names or shapes are not the module's, UserError if types are not.
        """
        state, notes = fitted(read_state(path), self._first, skip)
        own, source = self.module.state_dict(keep_vars=True), f"the weights in '{path}'"
        counters = [name for name in state if _is_counter(name)]
        given = {self._first.get(name, name): tensor for name, tensor in state.items() if name not in counters}
        expected = {name: tuple(own[name].shape) for name in self._first.values()}
        require_same(expected, {name: tuple(one.shape) for name, one in given.items()}, weights.MODEL, source)
        for name, tensor in given.items():
            if tensor.is_floating_point() != own[name].is_floating_point():
                raise UserError(f"{source}: '{name}' is {tensor.dtype}, {weights.MODEL} has {own[name].dtype}.")
        self._take(given)
        self.spans = _spans(given)
        return [*notes, *(f"{name}: not kept" for name in counters if state[name].any())]

    def new_state(self, path: Path, dtype: np.dtype) -> dict[str, Tensor]:
        """Let the module's tensors be those of a new file, zeros; return them by all of their names."""
        own = self.module.state_dict(keep_vars=True)
        tensors = {
            name: tensor_stream.Tensor(dtype if one.is_floating_point() else _numpy(one), tuple(one.shape))
            for name, one in own.items()
        }
        arrays = tensor_stream.create(path, tensors, METADATA)
        self.spans = [pages.span_of(array) for array in arrays.values()]
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self._take({name: state[name] for name in self._first.values()})
        for name, value in self._kept.items():
            state[self._first.get(name, name)].copy_(value)
        self._again = [(state[name], state[first]) for name, first in self._first.items() if name != first]
        return state

    def finish(self) -> list[str]:
        """Write tied weights under their other names too; return which weights no canonical one tells."""
        for again, first in self._again:
            again.copy_(first)
        left = [name for name, _ in weights.sources(self.module, self._pair.weight_map).unused()]
        return [f"{name}: unused, so it is 0" for name in left]

    def _take(self, tensors: Mapping[str, Tensor]) -> None:
        """Put tensors in the place of the module's own; names that were one tensor are one again."""
        taken = {
            first: nn.Parameter(tensor, requires_grad=False) if self._is_parameter(first) else tensor
            for first, tensor in tensors.items()
        }
        for name, first in self._first.items():
            owner, _, attribute = name.rpartition(".")
            layer = self.module.get_submodule(owner)
            if self._is_parameter(name):
                layer.register_parameter(attribute, taken[first])  # type: ignore[arg-type]  # by construction
            else:
                layer.register_buffer(attribute, taken[first])

    def _is_parameter(self, name: str) -> bool:
        owner, _, attribute = name.rpartition(".")
        return attribute in dict(self.module.get_submodule(owner).named_parameters(recurse=False))

    def table(self) -> dict[str, Weight]:
        """Return where every canonical weight lives."""
        rename, own = weights.all_renames(self.module, self._pair.rename), self._pair.weight_map
        weights.sources(self.module, own)
        return weights.name_table(self.module, self._layout, rename, own)


def _numpy(tensor: Tensor) -> np.dtype:
    """Return NumPy's type of a tensor's."""
    return torch.empty(0, dtype=tensor.dtype, device="cpu").numpy().dtype
