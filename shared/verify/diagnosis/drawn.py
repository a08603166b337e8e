"""The search where the sides draw otherwise in training: other rates, other masks, or nothing on one side."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from twotrack.shared.base.tolerances import SAME_HYPERPARAMETER
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import (
    Change,
    DropInRecurrence,
    Function,
    MapValue,
    ReplaceLayer,
    SetArgument,
    SetHyperparameter,
)
from twotrack.shared.spec.draws import Draw
from twotrack.shared.verify import draws
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.keras_side import without
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.rungs.dropout import compare_draws
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_torch

RECURRENT = ("LSTM", "GRU", "RNN")
WITH_BOTH = (2, 6, 8)
"""Masks of a recurrent layer that drops of both: two for each gate, or two in all."""
RECURRENT_RATE = "recurrent_dropout"
RATES = {"p": "rate", "dropout": "dropout"}
"""What torch's layers call the share that they drop, and what Keras' call it."""


DEVIATIONS = (0.1, 0.2, 0.05, 0.01, 0.3, 0.5, 1.0)
"""Of noise, that people use; a draw does not say its own."""


class DrawProposals:
    """What may be to blame for other draws."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._request, self._torch, self._keras = request, request.torch.draws.draws, request.keras.draws.draws
        self._order = [layer.path for layer in request.torch.traces["float64"].layers if layer.leaf]
        self._layers = open_torch("auto").rates(side.model)

    def measure(self, candidate: Candidate) -> float:
        """Return 0 if both sides draw alike and make the same of it, else 1 or by how much they differ."""
        verify = self._request.verify.model_copy(
            update={"changes": (*self._request.verify.changes, *candidate.changes)}
        )
        try:
            exercise = find_exercise(verify, self._request.reference).drawn
            side = ObservedSide(exercise, open_torch("auto"), "float64", lambda _: None)
            drawn = draws.observe(side.model, side.exercise.inputs(), side.source, side.keep_call)
        except Exception:  # whatever the changed model raises: the candidate is none
            return float("inf")
        result = compare_draws(drawn, self._request.keras.draws)
        return 0.0 if result.passed else 1.0 if result.difference is None else result.difference

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield Keras' rates, then Keras' masks in place of torch's, then what one side alone draws, left out there."""
        yield from self._in_recurrence()
        for keras in self._keras:
            yield from self._rates(keras)
        for keras in self._keras:
            yield from self._functional(keras)
        for keras in self._keras:
            yield from self._kinds(keras)
        yield from self._quiet()

    def _quiet(self) -> Iterator[Candidate]:
        """Yield torch's layers that draw nothing: one alone, then all."""
        layers = list({draw.layer: draw for draw in self._torch}.values())
        yield from (without([drawn], is_keras=False) for drawn in layers)
        if len(layers) > 1:
            yield without(layers, is_keras=False)

    def _in_recurrence(self) -> Iterator[Candidate]:
        """Yield the dropout inside of Keras' recurrent layers, for all of them that have any."""
        found: dict[str, tuple[float, float]] = {}
        for draw in self._keras:
            said = self._request.keras.layer(draw.layer)[1]
            path = next((path for path in _paths_of(draw.layer) if path in self._recurrent), "")
            if path and RECURRENT_RATE in said:
                found[path] = self._rate_of_inputs(draw.layer, said[RECURRENT_RATE]), float(said[RECURRENT_RATE])
        if found:
            yield _of_recurrence(found)

    def _rate_of_inputs(self, layer: str, recurrent: float) -> float:
        """Return the rate of what steps are given, whose masks are drawn first; 0 where only the state has masks."""
        rates = [draw.rate or 0.0 for draw in self._keras if draw.layer == layer]
        return rates[0] if not recurrent or len(rates) in WITH_BOTH else 0.0

    @cached_property
    def _recurrent(self) -> set[str]:
        """Paths of torch's recurrent layers."""
        return {layer.path for layer in self._request.torch.traces["float64"].layers if layer.kind in RECURRENT}

    def _rates(self, keras: Draw) -> Iterator[Candidate]:
        for path, (name, rate) in self._layers.items():
            if keras.rate is not None and abs(rate - keras.rate) > SAME_HYPERPARAMETER * rate:
                yield Candidate(
                    changes=(SetHyperparameter(path=path, name=name, value=keras.rate),),
                    what=f"the rate of '{path}' is {keras.rate:g} in Keras and {rate:g} in torch",
                    torch_fix=f"{name}={keras.rate:g} in '{path}'",
                    keras_fix=f"{RATES[name]}={rate:g} in '{keras.layer or path}'",
                    entry="dropout_rate",
                )

    def _functional(self, keras: Draw) -> Iterator[Candidate]:
        """Yield Keras' rate for the draws that the user's own code makes."""
        own = [draw for draw in self._torch if draw.function == "dropout" and draw.layer not in self._layers]
        for number, draw in enumerate(own):
            if keras.rate is not None and draw.rate not in (None, keras.rate):
                yield Candidate(
                    changes=(SetArgument(function="dropout", number=number, name="p", value=keras.rate),),
                    what=f"the rate of dropout {draw.place} is {keras.rate:g} in Keras and {draw.rate:g} in torch",
                    torch_fix=f"p={keras.rate:g} in dropout (call {number + 1} of it)",
                    keras_fix=f"rate={draw.rate:g} {keras.place}",
                    entry="dropout_rate",
                    where=keras.layer or keras.after,
                )

    def _kinds(self, keras: Draw) -> Iterator[Candidate]:
        """Yield what Keras draws, in place of torch's layer of that name, and behind the layer that ran before."""
        for function, told in _functions(keras, self._deviation(keras)):
            places: list[tuple[Change, str]] = []
            if keras.layer:
                places.append((ReplaceLayer(path=keras.layer, function=function), f"in '{keras.layer}'"))
            behind = f"behind '{keras.after}'" if keras.after else "in front of all layers"
            places += [(change, behind) for change in self._behind(keras.after, function)]
            for change, place in places:
                yield Candidate(
                    changes=(change,),
                    what=f"Keras has {told} {place}, torch {self._there(keras)}",
                    torch_fix=f"{told} {place}",
                    keras_fix=f"what torch has there: {self._there(keras)}",
                    entry="dropout_masks" if keras.is_dropout else "",
                    where=keras.layer or keras.after,
                )

    def _behind(self, path: str, function: Function) -> Iterator[MapValue]:
        """Yield the function in front of the layer that runs next in torch, else as a part of the layer itself."""
        if not path:
            yield from (MapValue(path=first, role="inputs", function=function) for first in self._order[:1])
            return
        if path in self._order[:-1]:
            yield MapValue(path=self._order[self._order.index(path) + 1], role="inputs", function=function)
        yield MapValue(path=path, role="outputs", function=function)

    def _deviation(self, keras: Draw) -> list[float]:
        """Return what the layer says of its noise, if it says anything."""
        said = self._request.keras.layer(keras.layer)[1].get("stddev")
        return [] if said is None else [float(said)]

    def _there(self, keras: Draw) -> str:
        own = [draw for draw in self._torch if draw.layer == keras.layer or draw.after == keras.after]
        if not own:
            return "nothing"
        rate = "" if own[0].rate is None else f" of rate {own[0].rate:g}"
        return f"{own[0].function}{rate} with a mask of {own[0].shape}"


def _paths_of(layer: str) -> Iterator[str]:
    """Yield what torch's layer may be called: a direction of Keras' is a part of it."""
    yield layer
    yield layer.rpartition(".")[0]


def _of_recurrence(found: Mapping[str, tuple[float, float]]) -> Candidate:
    told, keras_lines = [], []
    for path, (rate, recurrent) in found.items():
        told += [f"of rate {recurrent:g} of the state of '{path}'"] if recurrent else []
        told += [f"of rate {rate:g} of what the steps of '{path}' are given"] if rate else []
        keras_lines.append(f"dropout=0 and recurrent_dropout=0 in '{path}'")
    what = f"Keras has dropout {' and '.join(told)}, by masks that stay for the whole sequence; torch has none there"
    return Candidate(
        changes=tuple(DropInRecurrence(path=p, rate=one, recurrent_rate=other) for p, (one, other) in found.items()),
        what=what,
        torch_fix="a loop over the steps with the same masks: nn.LSTM and nn.GRU cannot drop inside a sequence",
        keras_fix="; ".join(keras_lines),
        entry="recurrent_dropout",
        where=next(iter(found)),
    )


def _functions(draw: Draw, said: list[float]) -> Iterator[tuple[Function, str]]:
    """Yield what a draw of Keras' may be, with its words."""
    if draw.rate is not None:
        mask = tuple(draw.shape)
        yield (
            Function(name="dropout", parameters={"rate": draw.rate, "mask": mask}),
            f"dropout of rate {draw.rate:g} with a mask of {mask}",
        )
        yield Function(name="alpha_dropout", parameters={"rate": draw.rate}), f"alpha dropout of rate {draw.rate:g}"
    elif draw.base == "normal":
        for deviation in dict.fromkeys([*said, *DEVIATIONS]):
            for factor in (False, True):
                kind = "multiplied by 1 +" if factor else "plus"
                yield (
                    Function(name="normal_noise", parameters={"deviation": deviation, "factor": factor}),
                    f"the value {kind} normal noise of deviation {deviation:g}",
                )
