"""A map that was found against one that a person wrote: weight by weight, and by what both models give with either."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.matching import by_hand
from tests.matching.hand_maps import HAND
from tests.matching.renamed import FORMERLY
from twotrack.shared.atlas import architectures
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.matching.drawing import Drawn, constants
from twotrack.shared.matching.recording import Recording
from twotrack.shared.matching.result import Match
from twotrack.shared.spec.units import Bystander, Side
from twotrack.shared.verify import evidence, matching, user_pair
from twotrack.shared.verify.user_pair import PairReference
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

TRACK = "keras:torch"
SAME = 1e-12
"""Largest difference of two outputs that are the same, relative to the largest number of either."""
SEED = 77
OF_TRIALS = (
    "resnet50", "resnet", "mobilenet_v2", "efficientnet_b0", "convnext", "vit", "dinov2", "mit", "distilbert", "bert",
    "roberta", "albert", "gpt2", "opt", "bloom", "llama", "gemma", "t5", "whisper",
)  # fmt: skip
"""The nineteen for which the search was made; the atlas's others came later."""


class Compared(FrozenRecord):
    """What the comparison of two maps showed."""

    equal: int
    """Weights that both maps make of the same numbers, in the same order."""
    others: list[str]
    """Weights that they make differently, or that one of them does not make; under the names of the library."""
    unmade: list[str]
    """Weights that neither makes."""
    found_difference: float
    """Of the outputs from torch's, with the found map; those that it does not make are drawn anew."""
    hand_difference: float

    @property
    def is_equivalent(self) -> bool:
        """Whether the model gives with either map what torch gives."""
        return max(self.found_difference, self.hand_difference) <= SAME


class WordsRequest(FrozenRecord):
    """A side of a pair whose names were replaced, or not."""

    pair: PairReference
    track: str


class CompareRequest(WordsRequest):
    """A found map, and what torch computed."""

    architecture: str
    folder: Path
    rules: dict[str, WeightRule]
    torch_words: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """A search and what became of it."""

    match: Match
    compared: Compared


def pair_of(name: str, which: str = "aligned", in_words: bool = False) -> PairReference:
    """Return a pair of the atlas, as its libraries name it or in random words."""
    label = f"tests.matching.renamed:PAIRS.{name}.{which}" if in_words else architectures.reference(name, which)
    return user_pair.named(label)


def outcome(name: str, workers: WorkerPool, folder: Path, in_words: bool = False, by_name: bool = False) -> Outcome:
    """Search the map of an aligned architecture and compare it with the hand-made one."""
    pair = pair_of(name, in_words=in_words)
    match = matching.find_match(pair, workers, folder, TRACK, by_name=by_name)
    rules = {name: weight.rule for name, weight in match.weights.items() if weight.how != "constant"}
    words = workers.call("torch", former_names, WordsRequest(pair=pair, track="torch")) if in_words else {}
    asked = CompareRequest(
        pair=pair, track=TRACK, architecture=name, folder=folder / "recording", rules=rules, torch_words=words
    )
    return Outcome(match, workers.call(TRACK, compare, asked))


@task
def former_names(request: WordsRequest) -> dict[str, str]:
    """Return what the weights of a renamed torch model were called, by the words that they are called now."""
    model = open_track(request.track, "cpu").build(request.pair.load(), 0, "float64")
    return dict(getattr(model.module, FORMERLY))


@task
def compare(request: CompareRequest) -> Compared:
    """Make Keras' weights of torch's by both maps, and run Keras with either."""
    side = matching._side(request.track, request.pair.load())
    recording = evidence.load(Recording, request.folder)
    words = getattr(side._model.model, FORMERLY, {})
    torch = {_formerly(name, request.torch_words): array for name, array in recording.weights.items()}
    shapes = {words.get(name, name): array.shape for name, array in side.built.items()}
    hand = by_hand.keras_weights(HAND[request.architecture], torch, shapes)
    found = {
        words.get(name, name): rule.to_canonical([recording.weights[source] for source in rule.sources])
        for name, rule in request.rules.items()
    }
    equal = [name for name in hand if name in found and np.array_equal(hand[name], found[name])]
    return Compared(
        equal=len(equal),
        others=sorted({*hand, *found} - {*equal}),
        unmade=sorted({*shapes} - {*hand, *found}),
        found_difference=_difference(side, recording, {name: found[words.get(name, name)] for name in request.rules}),
        hand_difference=_difference(
            side, recording, {name: hand[words.get(name, name)] for name in side.built if words.get(name, name) in hand}
        ),
    )


def _formerly(name: str, words: Mapping[str, str]) -> str:
    """Return the former name of a weight; what a module of torch's bundles goes by the name of the module."""
    path = name
    while path and path not in words:
        path = path.rpartition(".")[0]
    return words[path] + name[len(path) :] if path else name


def _difference(side: Side, recording: Recording, weights: dict[str, np.ndarray]) -> float:
    """Return how far the outputs with some weights, and all others drawn, are from the recorded ones."""
    side.assign(Drawn(SEED).add(side.built, constants(side)).weights | weights)
    outputs = side.run(Bystander())
    assert len(outputs) == len(recording.outputs)
    return max(_apart(one, other) for one, other in zip(outputs, recording.outputs, strict=True))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of two outputs; pictures may have their channels last in one and first in other."""
    if one.shape != other.shape:
        other = np.moveaxis(other, 1, -1)
    return float(np.abs(one - other).max() / max(np.abs(one).max(), np.abs(other).max()))
