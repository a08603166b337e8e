"""The search where a value differs in the forward pass: at a layer, or between layers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, islice, permutations
from typing import Literal

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import CallCandidate, Candidate, Facing
from twotrack.shared.spec.changes import ExchangeLayers, OrderValues
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.diagnosis.channels import by_channel
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.masked_steps import masked, passed_over, pooled
from twotrack.shared.verify.diagnosis.orders import heads, orders_of_value
from twotrack.shared.verify.diagnosis.relations import (
    Known,
    Place,
    added,
    fitted,
    relations,
    scaled,
    taken,
)
from twotrack.shared.verify.diagnosis.searching import NOTHING, together
from twotrack.shared.verify.diagnosis.weights import orders_of_weights
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.forward import first_diverging, layer_difference, matched_layers
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.door import torch_track

LIMIT = TOLERANCES["forward"].limit


@dataclass(frozen=True)
class Site:
    """Where two sides part."""

    place: Place
    keras: Sequence[np.ndarray]
    """What Keras has there; of a layer's outputs any of them may be torch's."""
    inside: tuple[str, ...]
    """Torch layers whose alternatives are tried, by canonical path."""
    behind: frozenset[str]
    """Layers of torch's own behind which a call may be to blame."""
    before: str = ""
    """The last layer in front whose outputs agree; empty for none."""

    def value(self, torch: Trace) -> list[np.ndarray]:
        """Return what torch has there; nothing if the layer did not run."""
        if not self.place.path:
            return torch.outputs
        layer = next((layer for layer in torch.layers if layer.path == self.place.path), None)
        return [] if layer is None else getattr(layer, self.place.role)

    def difference(self, torch: Trace) -> float:
        """Return how far the sides are apart there."""
        value = self.value(torch)
        if self.place.path and self.place.role == "outputs":
            return layer_difference(value, self.keras)
        return inputs_difference(value, self.keras)


def inputs_difference(torch: Sequence[np.ndarray], keras: Sequence[np.ndarray]) -> float:
    """Return the largest difference where both have the same kinds of values, else the smallest of any two."""
    if [one.shape for one in torch] == [one.shape for one in keras]:
        return max(map(relative, torch, keras), default=0.0)
    return layer_difference(torch, keras)


def find_site(torch: Trace, keras: Trace) -> Site:
    """Return where two traces part: at the first layer that diverges, in front of it, or at the outputs."""
    before, diverging = "", first_diverging(torch, keras)
    for torch_layer, keras_layer in matched_layers(torch, keras):
        if diverging and keras_layer is diverging[1]:
            return site_at(torch, torch_layer, keras_layer, before)
        if layer_difference(torch_layer.outputs, keras_layer.outputs) <= LIMIT:
            before = keras_layer.path
    inside = between(torch.layers, before, "")
    return Site(Place("", "outputs"), keras.outputs, inside, frozenset([before, *inside]), before)


def site_at(torch: Trace, torch_layer: LayerTrace, keras_layer: LayerTrace, before: str) -> Site:
    """Return the site at a layer: its outputs where what it is given agrees, else what it is given."""
    path = torch_layer.path
    if inputs_difference(torch_layer.inputs, keras_layer.inputs) <= LIMIT:
        own = path.partition("#")[0]
        inner = tuple(layer.path for layer in torch.layers if layer.path.startswith(f"{own}."))
        return Site(
            Place(path, "outputs"), keras_layer.outputs, (own, *inner), frozenset([before, own, *inner]), before
        )
    inside = between(torch.layers, before, path)
    if [one.shape for one in torch_layer.inputs] != [one.shape for one in keras_layer.inputs]:
        inside = (path.partition("#")[0], *inside)  # it may do itself what Keras does in front of it, such as padding
    return Site(Place(path, "inputs"), keras_layer.inputs, inside, frozenset([before, *inside]), before)


def between(layers: Sequence[LayerTrace], before: str, path: str) -> tuple[str, ...]:
    """Return torch's layers that return after one and before another."""
    order = [layer.path for layer in layers]
    start = order.index(before) + 1 if before in order else 0
    end = order.index(path) if path in order else len(order)
    return tuple(layer.path.partition("#")[0] for layer in layers[start:end] if layer.leaf)


MOST_PAIRS = 15
"""Of layers that may stand in each other's place."""
AROUND = 4
"""Layers in front of a site, and behind its beginning, among which one may stand elsewhere."""
FIRST_ORDERS = 24
"""Other orders of layers that are tried before other settings; the rest comes last, for a model may take its time."""
MOST_VALUES = 4
"""Inputs or outputs of a model of which every order is tried."""


def _orders_of(
    role: Literal["inputs", "outputs"], own: Sequence, wanted: Sequence, path: str = ""
) -> Iterator[Candidate]:
    """Yield the orders in which values of some forms, of a layer or of the model, are of the wanted forms."""
    numbers, whose = tuple(range(len(own))), f"the {role} of '{path}'" if path else f"the model's {role}"
    for order in permutations(numbers) if 1 < len(own) <= MOST_VALUES else ():
        if order != numbers and [own[number] for number in order] == list(wanted):
            verb, told = ("takes", "is given") if role == "inputs" else ("gives", "gives")
            at = ", ".join(map(str, order))
            yield Candidate(
                changes=(OrderValues(path=path, role=role, order=order),),
                what=f"{whose} are in another order: what Keras {verb} as 0, 1, ... torch {told} as {at}",
                torch_fix=f"{whose} in the order {at}",
                keras_fix=f"{whose} in torch's order",
            )


class ValueProposals:
    """What may be to blame for a difference of values, and what is left of it with that."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._inputs = side, side.exercise.inputs()
        self._keras = request.keras.traces["float64"]
        self._track = torch_track(side.track)
        self._now = self._trace(NOTHING)
        self._site = self._find_site(request)

    def _find_site(self, request: SearchRequest) -> Site:
        return find_site(self._now, self._keras)

    def measure(self, candidate: Candidate) -> float:
        """Return the difference at the site with changes."""
        try:
            return self._site.difference(self._trace(candidate))
        except Exception:  # whatever the changed model raises: the candidate is none
            return float("inf")

    def _trace(self, candidate: Candidate) -> Trace:
        with self._track.changed(self._side.model, candidate.changes):
            if any(change.kind in {"weight", "drop"} for change in candidate.changes):
                self._side.reset()
            layers, outputs = self._side.probe.trace(self._inputs)
        if any(change.kind in {"weight", "drop"} for change in candidate.changes):
            self._side.reset()
        return Trace(layers=layers, outputs=outputs)

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield what may be tried on top of changes."""
        yield from self._relations(made)
        if made is NOTHING:
            yield from self._value_orders()
            yield from self._orders_given()
            yield from self._track.block_alternatives(self._side.model)
        orders = self._other_orders() if made is NOTHING else iter(())
        yield from islice(orders, 0 if self._is_own_output else FIRST_ORDERS)
        for path in self._site.inside:
            yield from self._track.alternatives(self._side.model, path, self._facing(path))
            yield from orders_of_weights(path, self._known.weights)
        yield from (call.candidate for call in self._calls if self._is_near(call))
        yield from self._activations()
        yield from self._fitted(made)
        yield from self._masked()
        yield from self._taken()
        yield from self._orders()
        if made is NOTHING:
            yield from self._exchanged()
            yield from self._by_channel()
            far = (call for call in self._calls if call.behind in self._in_front and not self._is_near(call))
            yield from (call.candidate for call in far)
        yield from orders

    def _other_orders(self) -> Iterator[Candidate]:
        """Yield layers and activations around the site in another order."""
        yield from self._track.order_alternatives(self._side.model, self._inputs, self._window)

    @property
    def _is_own_output(self) -> bool:
        """Whether a layer gives something else for the same inputs: then it is hardly the order of layers."""
        return bool(self._site.place.path) and self._site.place.role == "outputs"

    @property
    def _window(self) -> list[str]:
        """Layers of torch's own around the site, as they run: what stands there may stand in another order."""
        order = [layer.path for layer in self._now.layers if layer.leaf]
        place = self._site.place.path
        end = order.index(place) if place in order else len(order)
        return [path for path in order[max(self._agreed(order[:end]), 0) : end + AROUND] if "#" not in path]

    def _agreed(self, front: Sequence[str]) -> int:
        """Return how far in front of the site layers may stand in another order."""
        own = front.index(self._site.before) if self._site.before in front else 0
        return max(own, len(front) - AROUND)

    def _is_near(self, call: CallCandidate) -> bool:
        return call.is_everywhere or call.behind in self._site.behind

    @property
    def _in_front(self) -> list[str]:
        """The last layers in front of the site: what code makes of the first may go on beside the layers behind it."""
        order = [layer.path.partition("#")[0] for layer in self._now.layers if layer.leaf]
        place = self._site.place.path
        return order[: order.index(place) if place in order else len(order)][-AROUND:]

    def _exchanged(self) -> Iterator[Candidate]:
        """Yield two layers in front, of one form, that the code behind them takes in each other's place."""
        forms: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        for name, weight in self._known.weights.items():
            path, _, own = name.rpartition(".")
            forms.setdefault(path, []).append((own, weight.shape))
        there = [place.path for place in self._own_values() if forms.get(place.path)]
        pairs = [pair for pair in combinations(dict.fromkeys(there), 2) if forms[pair[0]] == forms[pair[1]]]
        for first, second in pairs[::-1][:MOST_PAIRS]:
            yield Candidate(
                changes=(ExchangeLayers(first=first, second=second),),
                what=f"what '{first}' and '{second}' give is taken in each other's place: Keras takes what '{first}' "
                f"gives where torch takes what '{second}' gives, and the other way round",
                torch_fix=f"'{first}' in the place of '{second}', and '{second}' in that of '{first}'",
                keras_fix="the two layers as torch has them",
                where=self._site.place.path,
            )

    def _by_channel(self) -> Iterator[Candidate]:
        """Yield a factor and an offset for each channel, as of a normalisation by constants: what nothing else says."""
        place, torch, keras = self._site.place, self._first(self._site.value(self._now)), self._first(self._site.keras)
        if torch is not None and keras is not None and torch.shape == keras.shape:
            yield from by_channel(replace(place, path=place.path.partition("#")[0]), torch, keras)

    def _value_orders(self) -> Iterator[Candidate]:
        """Yield the model's inputs or outputs in another order, where some are of one kind and shape."""
        outputs = [array.shape for array in self._now.outputs]
        inputs = [(array.shape, array.dtype.kind) for array in self._inputs.values()]
        if sorted(outputs) == sorted(array.shape for array in self._keras.outputs):
            yield from _orders_of("outputs", outputs, [array.shape for array in self._keras.outputs])
        yield from _orders_of("inputs", inputs, inputs)

    def _orders_given(self) -> Iterator[Candidate]:
        """Yield what the layer at the site is given in another order, such as query and key of attention."""
        place = self._site.place
        if place.path and place.role == "inputs":
            own, keras = ([array.shape for array in given] for given in (self._site.value(self._now), self._site.keras))
            yield from _orders_of("inputs", own, keras, place.path.partition("#")[0])

    def _relations(self, made: Candidate) -> Iterator[Candidate]:
        """Solve for what torch's value must become, with what is made already."""
        trace = self._trace(made)
        torch = self._site.value(trace)
        for number, value in enumerate(torch):
            given = self._site.place.role == "outputs"
            for keras in self._site.keras if given else self._site.keras[number : number + 1]:
                place = Place(self._site.place.path.partition("#")[0], self._site.place.role, number)
                yield from relations(place, value.astype(float), keras.astype(float), self._known)
        yield from self._relations_in_front(trace, torch)

    def _relations_in_front(self, trace: Trace, torch: Sequence[np.ndarray]) -> Iterator[Candidate]:
        """Do so for what the layer in front gives, if that is the value itself: others may take it too."""
        front = next((layer for layer in trace.layers if layer.path == self._site.before), None)
        given = front.outputs[:1] if front and self._site.place.role == "inputs" else []
        if given and torch and given[0].shape == torch[0].shape and (given[0] == torch[0]).all() and self._site.keras:
            place = Place(self._site.before.partition("#")[0], "outputs", is_behind=True)
            yield from relations(place, given[0].astype(float), self._site.keras[0].astype(float), self._known)

    @cached_property
    def _known(self) -> Known:
        agreeing: dict[Place, np.ndarray] = {}
        for torch, keras in matched_layers(self._now, self._keras):
            for role in ("inputs", "outputs"):
                pairs = zip(getattr(torch, role), getattr(keras, role), strict=False)
                first = next((one for one, other in pairs if relative(one, other) <= LIMIT), None)
                if first is not None and first.dtype.kind == "f":
                    agreeing[Place(torch.path.partition("#")[0], role)] = first
        return Known(agreeing, self._side.model.weights(), self._constants())

    def _constants(self) -> dict[str, float]:
        """Return numbers that a factor may be made of: sizes and hyperparameters."""
        found: dict[str, float] = {}
        for layer in (*self._keras.layers, *self._now.layers):
            for name, value in layer.hyperparameters.items():
                if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                    found.setdefault(f"{name} of '{layer.path}'", float(value))
            for array in layer.outputs[:1]:
                for size in array.shape[1:]:
                    found.setdefault(f"{size}, a size of what '{layer.path}' gives", float(size))
        return found

    def _facing(self, path: str) -> Facing:
        torch = next(layer for layer in self._now.layers if layer.path.partition("#")[0] == path)
        keras = next((layer for layer in self._keras.layers if layer.path.partition("#")[0] == path), None)
        other = keras or torch
        wanted = other.outputs[0].shape[1:] if other.outputs else ()
        taken = torch.inputs[0].shape[1:] if torch.inputs else ()
        given = torch.outputs[0].shape[1:] if torch.outputs else ()
        return Facing(taken, given, wanted, keras.hyperparameters if keras else {})

    @cached_property
    def _calls(self) -> list[CallCandidate]:
        return self._track.call_alternatives(self._side.model, self._inputs)

    def _activations(self) -> Iterator[Candidate]:
        """Yield an activation at the site, where it is not a layer's own output, and of the value in front."""
        place = self._site.place
        if not (place.path and place.role == "outputs"):
            yield from self._track.activations(place.path.partition("#")[0], place.role)
            if self._site.before:
                source = self._site.before.partition("#")[0]
                yield from self._track.activations(source, "outputs", is_behind=True)
                yield from self._track.instead(place.path.partition("#")[0], place.role, source)

    def _fitted(self, made: Candidate) -> Iterator[Candidate]:
        """Yield factors of the value in front, and of earlier ones added to it, where the code behind it is linear."""
        front = next(
            (place for place in self._known.before if place.path == self._site.before and place.role == "outputs"), None
        )
        now = self._first(self._site.value(self._trace(made)))
        keras = self._first(self._site.keras)
        if front is None or now is None or keras is None or now.shape != keras.shape:
            return
        behind = replace(front, is_behind=True)
        nothing = self._reached(together(made, scaled(behind, 0.0, {})))
        if nothing is not None and (factor := fitted(now - nothing, keras - nothing)) is not None:
            yield scaled(behind, factor, self._known.constants)
        for source, value in reversed(list(self._known.before.items())):
            if source != front and value.shape == self._known.before[front].shape:
                once = self._reached(together(made, added(behind, source, 1.0)))
                if once is not None and (factor := fitted(once - now, keras - now)) is not None:
                    yield added(behind, source, factor)

    def _reached(self, candidate: Candidate) -> np.ndarray | None:
        """Return the first value at the site with changes; None if the model does not run with them."""
        try:
            return self._first(self._site.value(self._trace(candidate)))
        except Exception:  # whatever the changed model raises
            return None

    def _first(self, arrays: Sequence[np.ndarray]) -> np.ndarray | None:
        return arrays[0].astype(float) if arrays else None

    def _masked(self) -> Iterator[Candidate]:
        """Yield steps that Keras passes over: in a recurrent layer, or in what stands in front."""
        of_ids = [
            layer for layer in self._now.layers if layer.leaf and layer.inputs and layer.inputs[0].dtype.kind in "iu"
        ]
        recurrent = {name.rpartition(".")[0] for name in self._known.weights if name.endswith(".recurrent_kernel")}
        values = [
            one.hyperparameters["mask_value"] for one in self._keras.layers if "mask_value" in one.hyperparameters
        ]
        for value in values:
            yield from (masked(path, value) for path in sorted(recurrent))
        for source in of_ids:
            places: list[tuple[str, Literal["state", "zero"]]] = []
            places += [(path, "state") for path in self._site.inside if path in recurrent]
            places += [(self._site.before.partition("#")[0], "zero")] if self._site.before else []
            for path, how in places:
                yield passed_over(path, source.path.partition("#")[0], 0, how)

    def _taken(self) -> Iterator[Candidate]:
        """Yield earlier values that Keras takes as they are, or a step or mean of them, of the steps that count."""
        place, role = self._site.place, self._site.place.role
        before = {**self._own_values(), **self._known.before, **self._activated()}
        given = self._side.exercise.pair.specs
        for number, keras in enumerate(self._site.keras if role == "inputs" or not place.path else ()):
            there = Place(place.path.partition("#")[0], role, number)
            yield from taken(there, keras, before)
            yield from pooled(there, keras, before, self._inputs, given)

    def _activated(self) -> dict[Place, np.ndarray]:
        """Return what Keras' layers with an activation inside give, of which torch's layers give what is in front."""
        found, own = dict[Place, np.ndarray](), self._own_values()
        for layer in self._keras.layers:
            name, place = (
                layer.hyperparameters.get("activation", "linear"),
                Place(layer.path.partition("#")[0], "outputs"),
            )
            front = layer.outputs[layer.replaceable] if layer.replaceable else None
            if name != "linear" and front is not None and place in own and relative(own[place], front) <= LIMIT:
                found[replace(place, activation=name)] = layer.outputs[0].astype(float)
        return found

    def _own_values(self) -> dict[Place, np.ndarray]:
        """Return what torch's layers in front of the site give, whether Keras' layers of that name give it or not."""
        order = [layer.path for layer in self._now.layers]
        end = order.index(self._site.place.path) if self._site.place.path in order else len(order)
        layers = (layer for layer in self._now.layers[:end] if layer.outputs and layer.outputs[0].dtype.kind == "f")
        return {Place(layer.path.partition("#")[0], "outputs"): layer.outputs[0] for layer in layers}

    def _orders(self) -> Iterator[Candidate]:
        """Yield other orders of the value in front, as of heads, roles and sizes in one projection."""
        front = next((layer for layer in self._now.layers if layer.path == self._site.before and layer.outputs), None)
        if front is not None and not (self._site.place.path and self._site.place.role == "outputs"):
            place = Place(front.path.partition("#")[0], "outputs", is_behind=True)
            yield from orders_of_value(place, front.outputs[0].shape[1:])
            yield from self._heads(front)

    def _heads(self, front: LayerTrace) -> Iterator[Candidate]:
        """Yield the heads that the last values of the form of the one in front are taken apart into."""
        alike = [
            layer.path
            for layer in self._now.layers
            if layer.path in self._in_front and layer.outputs and layer.outputs[0].shape == front.outputs[0].shape
        ]
        for count in range(min(len(alike), 3), 1, -1):
            places = [Place(path, "outputs", is_behind=True) for path in alike[-count:]]
            yield from heads(places, front.outputs[0].shape[1:])
