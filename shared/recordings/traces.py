"""Two recordings as traces that rungs compare: weights in one order, layers under one path, axes alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from twotrack.shared.recordings.folder import OpenedRecording
from twotrack.shared.recordings.matching import Match, match, match_by_names
from twotrack.shared.recordings.renaming import Renames, renamed
from twotrack.shared.recordings.schema import Call, Named, Step
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.trace import Trace, same_losses

_TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
"""Channels first to channels last, by the number of axes."""
_ALIKE = 1e-6
"""Relative, of sums over a layer's values: nearer ones may be the same values in another order."""


@dataclass(frozen=True)
class Both:
    """Two recordings, the second one seen from the first."""

    one: OpenedRecording
    other: OpenedRecording
    renames: Renames = ()
    """Paths of the second to those of the first."""

    @cached_property
    def precision(self) -> str:
        """The coarser one."""
        order = ("bfloat16", "float16", "float32", "float64")
        return min((side.manifest.precision for side in (self.one, self.other)), key=order.index)

    @cached_property
    def kind(self) -> np.dtype:
        """The coarser type of the weights' numbers."""
        return np.dtype(np.float64 if self.precision == "float64" else np.float32)

    @cached_property
    def weights(self) -> Match:
        """Which weight is which."""
        other = {renamed(name, self.renames): array for name, array in self.other.weights.items()}
        if self.one.weights and other:
            return match(self.one.weights, other, self.kind)
        steps = self.steps[:1]
        shapes = [{name: array.shape for name, array in side.items()} for side in self._step_weights(steps)]
        return match_by_names(*shapes)

    def _step_weights(self, steps: Sequence[tuple[Step, Step]]) -> list[dict[str, np.ndarray]]:
        if not steps:
            return [{}, {}]
        one, other = steps[0]
        of_other = self.other.by_name(other.weights or other.gradients)
        return [
            self.one.by_name(one.weights or one.gradients),
            {renamed(name, self.renames): array for name, array in of_other.items()},
        ]

    @cached_property
    def steps(self) -> list[tuple[Step, Step]]:
        """The steps that both have."""
        others = {step.number: step for step in self.other.manifest.steps}
        return [(step, others[step.number]) for step in self.one.manifest.steps if step.number in others]

    def together(
        self, one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], are_gradients: bool = False
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield, by the name of a weight, what belongs to it on both sides, in one order; whole pairs only."""
        others = {renamed(name, self.renames): array for name, array in other.items()}
        for pair in self.weights.pairs:
            if all(name in one for name in pair.one) and all(name in others for name in pair.other):
                own, facing = [one[name] for name in pair.one], [others[name] for name in pair.other]
                yield pair.name, *(pair.way.gradients if are_gradients else pair.way.together)(own, facing)

    def unmatched(self, one: Iterable[str], other: Iterable[str]) -> list[str]:
        """Return names that have something on one side only."""
        others = {renamed(name, self.renames) for name in other}
        known = [(pair, set(pair.one) & set(one), set(pair.other) & others) for pair in self.weights.pairs]
        found = [pair.name for pair, own, facing in known if bool(own) != bool(facing)]
        matched = set(chain.from_iterable((*own, *facing) for _, own, facing in known))
        return found + [name for name in dict.fromkeys([*one, *others]) if name not in matched and name not in found]

    @cached_property
    def outputs(self) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """The outputs in pairs, axes alike; None if there are not as many on both sides."""
        return self.paired(self.one.manifest.outputs, self.other.manifest.outputs)

    def paired(self, one: Sequence[Named], other: Sequence[Named]) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Pair what has names, by name, and else by order; None if there are not as many on both sides."""
        if len(one) != len(other):
            return None
        by_name = {named.name: named for named in other}
        own = self.one.arrays(list(one))
        if by_name.keys() == {named.name for named in one} and len(by_name) == len(other):
            facing = self.other.arrays([by_name[named.name] for named in one])
            return [(array, in_order_of(array, partner)) for array, partner in zip(own, facing, strict=True)]
        return _nearest(own, self.other.arrays(list(other)))

    def traces(self) -> tuple[Trace, Trace]:
        """Return what the rungs forward and gradients compare."""
        outputs = self.outputs or []
        one, other = Trace(outputs=[own for own, _ in outputs]), Trace(outputs=[facing for _, facing in outputs])
        one.layers, other.layers = self._layers()
        if self.steps:
            one.losses, other.losses = self.losses(*self.steps[0])
            for name, own, facing in self.together(*self.gradients(), are_gradients=True):
                one.gradients[name], other.gradients[name] = own, facing
        return one, other

    def losses(self, own: Step, facing: Step) -> tuple[list[float], list[float]]:
        """Return the losses of a step that must be equal, a list with one each; none if not both are known."""
        if own.loss is None or facing.loss is None:
            return [], []
        traces = [
            Trace(losses=[step.loss or 0.0], penalties=[] if step.penalty is None else [step.penalty])
            for step in (own, facing)
        ]
        return same_losses(traces[0], traces[1])

    def gradients(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the gradients of the first common step; without those of penalties if one side alone has any."""
        if not self.steps:
            return {}, {}
        (own, facing), one_alone = self.steps[0], self._only_one_has_penalties()
        found = []
        for side, step in ((self.one, own), (self.other, facing)):
            arrays, penalties = side.by_name(step.gradients), side.by_name(side.manifest.penalty_gradients)
            if one_alone:
                arrays |= {name: arrays[name] - penalty for name, penalty in penalties.items() if name in arrays}
            found.append(arrays)
        return found[0], found[1]

    def _only_one_has_penalties(self) -> bool:
        own, facing = self.steps[0]
        return (own.penalty is None) != (facing.penalty is None)

    def _layers(self) -> tuple[list[LayerTrace], list[LayerTrace]]:
        one = [_layer(self.one, call, call.path) for call in self.one.manifest.calls]
        paths = self.weights.paths()
        other = [_layer(self.other, call, self._path(call.path, paths)) for call in self.other.manifest.calls]
        _pair_by_value(one, other)
        by_path = {layer.path: layer for layer in one}
        for layer in other:
            own = by_path.get(layer.path)
            if own:
                layer.inputs = _with_orders(layer.inputs, own.inputs)
                layer.outputs = _with_orders(layer.outputs, own.outputs)
        return one, other

    def _path(self, path: str, paths: Mapping[str, str]) -> str:
        layer, mark, number = path.partition("#")
        renamed_layer = renamed(layer, self.renames)
        return f"{paths.get(renamed_layer, renamed_layer)}{mark}{number}"


def _layer(side: OpenedRecording, call: Call, path: str) -> LayerTrace:
    inputs, outputs = ([side.tensors[key] for key in keys] for keys in (call.inputs, call.outputs))
    return LayerTrace(path, call.kind, call.leaf, dict(call.hyperparameters), inputs, outputs)


def orders(array: np.ndarray) -> list[np.ndarray]:
    """Return a value as it is, and with its channels moved to the other end."""
    axes = _TO_LAST.get(array.ndim)
    return [array, array.transpose(axes), array.transpose(np.argsort(axes))] if axes else [array]


def in_order_of(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the other side's value with its axes as on the first side: that order of channels which comes nearest."""
    fitting = [array for array in orders(other) if array.shape == one.shape]
    if not fitting and one.size == other.size and _squeezed(one) == _squeezed(other):
        return other.reshape(one.shape)
    return min(fitting, key=lambda array: relative(one, array)) if len(fitting) > 1 else (fitting or [other])[0]


def _nearest(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair arrays that no names pair: each with what comes nearest to it, else by order."""
    left, found = list(other), []
    for own in one:
        candidates = [in_order_of(own, array) for array in left]
        place = min(range(len(left)), key=lambda number: relative(own, candidates[number]))
        found.append((own, candidates[place]))
        left.pop(place)
    return found


def _squeezed(array: np.ndarray) -> list[int]:
    return [size for size in array.shape if size != 1]


def _with_orders(own: Sequence[np.ndarray], facing: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return values in every order of channels in which the other side could have them."""
    shapes = {array.shape for array in facing}
    return [order for array in own for place, order in enumerate(orders(array)) if place == 0 or order.shape in shapes]


def _pair_by_value(one: Sequence[LayerTrace], other: Sequence[LayerTrace]) -> None:
    """Give layers that no name and no weight pairs the path of a layer that gave the same numbers."""
    taken = {layer.path for layer in other}
    free = [(layer, _sums(layer)) for layer in one if layer.path not in taken and layer.outputs]
    known = {layer.path for layer in one}
    for layer in other:
        sums = _sums(layer) if layer.path not in known and layer.outputs else None
        place = next((n for n, (_, own) in enumerate(free) if sums is not None and _are_alike(own, sums)), None)
        if place is not None:
            layer.path = free.pop(place)[0].path


def _sums(layer: LayerTrace) -> np.ndarray:
    """Return sums over the first output that are blind to the order of its values."""
    values = layer.outputs[0].astype(np.float64).reshape(-1)
    return np.array([values.size, values.sum(), np.abs(values).sum(), (values**2).sum(), (values**3).sum()])


def _are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    scale = np.array([0.0, one[2], one[2], one[3], (one[3] ** 1.5)])
    return bool(one[0] == other[0] and (np.abs(one - other) <= _ALIKE * scale).all())
