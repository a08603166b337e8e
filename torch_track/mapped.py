"""The weights of a torch module that a weight map has rules for, and those that it calls unused."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.layouts import SAME, Shape
from twotrack.shared.weights.bridge.names import listed
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.weights.correspondence.weight_map import WeightMap
from twotrack.torch_track.entries import Constant, Entry, Mapped, Weight


class Sources:
    """What rules can be made of: a tensor by its name in the state_dict, else a weight by its name without a map.

    The latter are for what a pattern cannot say: the gates of a GRU, for example.
    """

    def __init__(self, module: nn.Module, entries: Mapping[str, Entry], weight_map: WeightMap):
        self._entries, self._map = entries, weight_map
        self._tensors = dict(module.state_dict(keep_vars=True))
        self._added = {id(entry.parameter): entry.added for entry in entries.values()}
        self._type = next(
            (_type(tensor) for tensor in self._tensors.values() if tensor.is_floating_point()), np.float64
        )
        names = (*weight_map.sources, *weight_map.unused_torch, *weight_map.kept_torch)
        self._named = {name: self._source(name) for name in names}

    def check(self) -> None:
        """Raise BridgeError unless every value of a tensor is used once; but for rows that no rule asks for."""
        problems = list(self._map.misused({name: source.shape for name, source in self._named.items()}))
        names: dict[int, str] = {}
        for name in self._named:
            if name in self._tensors and (first := names.setdefault(id(self._tensors[name]), name)) != name:
                problems.append(f"'{first}' and '{name}' are one tensor, of which both are taken")
        if problems:
            raise BridgeError(f"the weight map does not fit the torch model: {listed(problems)}")

    def _source(self, name: str) -> Entry:
        if name in self._tensors:
            tensor = self._tensors[name]
            return Entry(name, tensor, SAME, added=self._added.get(id(tensor)))
        if name in self._entries:
            return self._entries[name]
        raise BridgeError(f"the weight map names '{name}', which the torch model does not have")

    @property
    def taken(self) -> set[str]:
        """Names, without a map, of the weights that the map has rules of, calls unused or keeps as they are.

        BridgeError for a weight of which the map takes one tensor and leaves another.
        """
        used = {id(tensor) for source in self._named.values() for tensor in source.tensors}
        found = {name: [id(one) in used for one in entry.tensors] for name, entry in self._entries.items()}
        for name, parts in found.items():
            if any(parts) and not all(parts):
                raise BridgeError(f"the weight map takes a part of '{name}' of the torch model and leaves another")
        return {name for name, parts in found.items() if all(parts)}

    def table(self) -> dict[str, Weight]:
        """Return where the weights live that the map has rules for."""
        return {name: self._entry(rule) for name, rule in self._map.rules.items()}

    def _entry(self, rule: WeightRule) -> Weight:
        if rule.constant is not None:
            return Constant(rule, np.dtype(self._type))
        return Mapped(rule, tuple(self._named[name] for name in rule.sources))

    def unused(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights that the map calls unused, and the rows that no rule asks for, as views of the module's."""
        for name in self._map.unused_torch:
            yield name, self._named[name].tensor
        shapes: dict[str, Shape] = {name: source.shape for name, source in self._named.items()}
        for name in sorted(self._map.sources):
            for first, behind in self._map.left_over(name, shapes):
                yield f"{name}[{first}:{behind}]", self._named[name].tensor[first:behind]


def _type(tensor: Tensor) -> type:
    return np.float64 if tensor.dtype == torch.float64 else np.float32
