"""Faults in one side of the atlas's architectures, for a search that must stop at each of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tests.matching.comparing import TRACK
from twotrack import Pair
from twotrack.shared.atlas import architectures
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.matching.recording import RecordedUnit, Recording
from twotrack.shared.matching.result import Match
from twotrack.shared.matching.search import match
from twotrack.shared.verify import evidence, matching, user_pair
from twotrack.shared.verify.user_pair import PairReference
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

Fault = Literal["perturbed", "swapped"]
SIZE = 1e-6
"""Of a perturbation, relative to the weight's deviation."""
LEFT_OUT = {
    "resnet": "model.encoder.stages.1.layers.0.layer.1.normalization",
    "vit": "model.layers.1.layernorm_after",
    "bert": "model.encoder.layer.0.attention.output.LayerNorm",
    "gpt2": "model.h.1.ln_1",
    "llama": "model.layers.1.post_attention_layernorm",
    "bart": "model.decoder.layers.0.encoder_attn_layer_norm",
    "t5": "model.decoder.block.1.layer.1.layer_norm",
}
"""By architecture: a layer of torch's that gives what it is given instead."""


class FaultRequest(FrozenRecord):
    """A recording of torch's side in which something is to be changed, and in which Keras' side is searched."""

    pair: PairReference
    folder: Path
    fault: Fault
    place: float
    """Where, of all layers with weights that were run: 0 is the first, 1 the last."""


class Faulted(FrozenRecord):
    """What the search found, and where the fault is."""

    units: list[str]
    """The layers with wrong weights."""
    order: list[str]
    """All layers that ran, in order."""
    match: Match


@dataclass(frozen=True)
class Without:
    """Builds a torch model in which a layer gives what it is given."""

    build: Any
    path: str

    def __call__(self) -> Any:
        """Return the torch.nn.Module."""
        from torch import nn

        model = self.build()
        parent, _, name = self.path.rpartition(".")
        setattr(model.get_submodule(parent), name, nn.Identity())
        return model


class _LeftOut:
    """The aligned pairs without a layer of torch's, by the name of the architecture."""

    def __getattr__(self, name: str) -> Pair:
        if name not in LEFT_OUT:
            raise AttributeError(name)
        pair = architectures.get(name).aligned
        return replace(pair, torch=Without(pair.torch, LEFT_OUT[name]))


WITHOUT = _LeftOut()


def searched(name: str, fault: Fault, place: float, workers: WorkerPool, folder: Path) -> Faulted:
    """Record torch's side of an aligned architecture, change a weight in the recording, and search."""
    pair = user_pair.named(architectures.reference(name, "aligned"))
    asked = matching.RecordRequest(pair=pair, track="torch", folder=folder / "recording")
    kept = workers.call("torch", matching.record_side, asked)
    return workers.call(TRACK, search_with_fault, FaultRequest(pair=pair, folder=kept, fault=fault, place=place))


@task
def search_with_fault(request: FaultRequest) -> Faulted:
    """Change a recording, and search it in Keras' side without names."""
    recording = evidence.load(Recording, request.folder)
    leaves = [unit for unit in recording.units if unit.is_leaf and unit.calls]
    number = round(request.place * (len(leaves) - 1))
    leaf = leaves[number]
    faulty = _perturbed(leaf, recording) if request.fault == "perturbed" else _swapped(number, leaves, recording)
    units = [leaf.path for leaf in leaves if leaf.path in faulty]
    side = matching._side(TRACK, request.pair.load())
    found = match(side, recording, by_name=False)
    return Faulted(units=units, order=[leaf.path for leaf in leaves], match=found)


def _perturbed(unit: RecordedUnit, recording: Recording) -> list[str]:
    name = next(iter(unit.weights.values()))
    own = recording.weights[name]
    noise = np.random.default_rng(3).normal(size=own.shape)
    recording.weights[name] = own + SIZE * (own.std() or 1.0) * noise
    return _holding(recording, name)


def _swapped(number: int, leaves: list[RecordedUnit], recording: Recording) -> list[str]:
    """Exchange the first weight of a layer with one of its shape in another layer; of the next layer that has such.

    Two weights of one layer would be no fault: which is called what is not looked at.
    """
    name, other = next(
        (name, other)
        for leaf in leaves[number:]
        for name in [next(iter(leaf.weights.values()))]
        for one in leaves
        for other in one.weights.values()
        if name not in one.weights.values() and _alike(name, other, recording)
    )
    recording.weights[name], recording.weights[other] = recording.weights[other], recording.weights[name]
    return sorted({*_holding(recording, name), *_holding(recording, other)})


def _alike(name: str, other: str, recording: Recording) -> bool:
    return recording.weights[name].shape == recording.weights[other].shape


def _holding(recording: Recording, name: str) -> list[str]:
    return [unit.path for unit in recording.units if name in unit.weights.values()]
