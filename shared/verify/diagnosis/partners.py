"""The search where a weight has no partner: what only torch has is taken away, what only Keras has is added."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import numpy as np

from twotrack.shared.spec.candidates import Candidate, reset_in_front
from twotrack.shared.spec.changes import (
    AddWeight,
    DropWeight,
    RemoveParametrizations,
    RemoveWeight,
    ShapeSlopes,
    TieWeight,
)
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.result import in_short
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import torch_track

INSIDE = ".parametrizations."
"""In the name of what torch makes a weight of."""


class PartnerProposals:
    """What may be to blame for weights without a partner of their shape."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._keras = side, request.keras.parameters
        self._track = torch_track(side.track)

    def measure(self, candidate: Candidate) -> float:
        """Return how many weights have no partner of their shape with changes."""
        try:
            with self._track.changed(self._side.model, candidate.changes):
                own = self._side.model.shapes()
                alone = self._side.probe.without_counterpart()
        except Exception:  # whatever a model without the weight raises: the candidate is none
            return float("inf")
        kept = {name for name, shape in own.items() if self._keras.get(name) == shape}
        return float(len(own.keys() | self._keras.keys()) - len(kept) + len(alone))

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield second biases, then what one side lacks: of all layers at once, by what it is."""
        own = self._side.model.weights()
        if resetting := list(self._resetting(own)):
            yield reset_in_front(resetting)
        if made is NOTHING and (second := self._side.probe.without_counterpart()):
            yield dropped(second)
        for kind in ("bias", "beta", "gamma"):
            lacking, surplus = _of_kind(kind, self._keras, own), _of_kind(kind, own, self._keras)
            if lacking:
                yield _added(lacking, kind)
            if surplus:
                yield _removed(surplus, kind)
        yield from self._slopes(own)
        if made is NOTHING and (made_of := [name.partition(INSIDE)[0] for name in own if INSIDE in name]):
            yield _plain(list(dict.fromkeys(made_of)))
        if made is NOTHING:
            yield from self._ties([name for name in own if name not in self._keras])

    def _resetting(self, own: Mapping[str, np.ndarray]) -> Iterator[str]:
        """Yield the layers of Keras that have one bias (3 * units) where torch's GRU has two."""
        for name, array in own.items():
            path, _, parameter = name.rpartition(".")
            if parameter == "bias" and (2, *self._keras.get(name, ())) == array.shape:
                yield path

    def _slopes(self, own: Mapping[str, np.ndarray]) -> Iterator[Candidate]:
        """Yield that Keras' PReLUs have as many slopes as their axes are shared by, all at once."""
        differing = {
            name: (own[name].shape, shape)
            for name, shape in self._keras.items()
            if name.endswith(".alpha") and name in own and own[name].shape != shape
        }
        if differing:
            yield _sloped(differing)

    def _ties(self, surplus: Sequence[str]) -> Iterator[Candidate]:
        """Yield that a weight of torch's is another one in Keras, as that of an embedding and of the last layer."""
        whole = self._track.whole_parameters(self._side.model)
        for name in (name for name in surplus if name in whole):
            for other in (other for other in whole if other in self._keras):
                if whole[other][1] == whole[name][1]:
                    yield _tied(name, whole[name][0], other, whole[other][0])


def _of_kind(kind: str, here: Iterable[str], there: Container[str]) -> list[str]:
    return [name for name in here if name not in there and name.rpartition(".")[2] == kind]


def _quoted(names: Sequence[str]) -> str:
    return in_short([repr(name) for name in names])


def dropped(names: Sequence[str]) -> Candidate:
    """Return that these second biases of torch's are not there in Keras."""
    return Candidate(
        changes=tuple(DropWeight(name=name) for name in names),
        what=f"torch trains {_quoted(names)} beside the first bias, which doubles the step of their sum; Keras has one",
        torch_fix=f"nn.init.zeros_ and requires_grad_(False) for {_quoted(names)}",
        keras_fix="none: Keras' layer has one bias",
        entry="second_recurrent_bias",
    )


def _plain(paths: Sequence[str]) -> Candidate:
    told = _quoted(paths)
    return Candidate(
        changes=tuple(RemoveParametrizations(path=path) for path in paths),
        what=f"torch makes a weight of {told} of others, as spectral_norm or weight_norm do, Keras has it by itself",
        torch_fix=f"nn.utils.parametrize.remove_parametrizations for {told}, before the training",
        keras_fix=f"layers.SpectralNormalization around {told}, which puts the divided kernel in its place",
        entry="spectral_normalization",
    )


def _added(names: Sequence[str], kind: str) -> Candidate:
    return Candidate(
        changes=tuple(AddWeight(name=name) for name in names),
        what=f"{_layers(names)} a {kind} in Keras and none in torch",
        torch_fix=f"{_TORCH_LINES[kind].format(True)} in {_paths(names)}",
        keras_fix=f"{_KERAS_LINES[kind]}=False in {_paths(names)}",
        entry="biases" if kind == "bias" else "",
    )


def _tied(name: str, own: str, other: str, source: str) -> Candidate:
    return Candidate(
        changes=(TieWeight(name=own, source=source),),
        what=f"'{name}' is a weight of its own in torch, and '{other}' in Keras, which has one weight for both",
        torch_fix=f"one parameter for both: model.{own} = model.{source}",
        keras_fix=f"a weight of its own for what torch computes with '{own}'",
        where=name.rpartition(".")[0],
    )


def _sloped(shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> Candidate:
    """Return that the slopes have other shapes, of torch's and of Keras' side."""
    told = in_short(
        f"'{name.rpartition('.')[0]}' has slopes of shape {keras} in Keras and {torch} in torch"
        for name, (torch, keras) in shapes.items()
    )
    counts = sorted({torch[0] for torch, _ in shapes.values()})
    shared = "every axis but the batch" if counts == [1] else "every axis but the last"
    return Candidate(
        changes=tuple(ShapeSlopes(path=name.rpartition(".")[0], shape=keras) for name, (_, keras) in shapes.items()),
        what=told,
        torch_fix="num_parameters=channels where Keras shares all other axes; else torch.where(x > 0, x, slopes * x)",
        keras_fix=f"shared_axes={shared}, as torch.nn.PReLU has it, and alpha_initializer=Constant(0.25)",
        entry="prelu_alpha",
    )


def _removed(names: Sequence[str], kind: str) -> Candidate:
    return Candidate(
        changes=tuple(RemoveWeight(name=name) for name in names),
        what=f"{_layers(names)} a {kind} in torch and none in Keras",
        torch_fix=f"{_TORCH_LINES[kind].format(False)} in {_paths(names)}",
        keras_fix=f"{_KERAS_LINES[kind]}=True in {_paths(names)}",
        entry="biases" if kind == "bias" else "",
    )


_TORCH_LINES = {"bias": "bias={}", "beta": "affine={}", "gamma": "affine={}"}
_KERAS_LINES = {"bias": "use_bias", "beta": "center", "gamma": "scale"}


def _paths(names: Sequence[str]) -> str:
    return _quoted([name.rpartition(".")[0] for name in names])


def _layers(names: Sequence[str]) -> str:
    return f"{_paths(names)} {'has' if len(names) == 1 else 'have'}"
