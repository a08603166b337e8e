"""Finds which weight of a pair's torch model is which of its Keras model: each side in a process of its own."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.matching.check import Checked, check
from twotrack.shared.matching.recording import Recording, record
from twotrack.shared.matching.result import Match
from twotrack.shared.matching.search import SECONDS, match
from twotrack.shared.matching.sizes import with_sizes
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.units import Side
from twotrack.shared.verify import evidence
from twotrack.shared.verify.user_pair import PairReference
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.processes import OnProgress, ignore
from twotrack.shared.workers.task import Report, task

BATCH = 2
"""Examples that both sides compute on; more would tell no more."""
SPECIAL = 4
"""Tokens at the beginning that may stand for padding, or for a beginning or an end."""
ROLE = "matching"


class RecordRequest(FrozenRecord):
    """Which side of a pair to record."""

    pair: PairReference
    track: str
    folder: Path
    """A new one for what is recorded."""


class MatchRequest(FrozenRecord):
    """In which side of a pair to look for what was recorded of the other."""

    pair: PairReference
    track: str
    folder: Path
    """What was recorded."""
    by_name: bool = True
    """Whether to try first what is alike by name."""
    seconds: float = SECONDS


class CheckRequest(MatchRequest):
    """Which rules to check."""

    rules: dict[str, WeightRule]


@task
def record_side(request: RecordRequest, report: Report) -> Path:
    """Run one side once and return the folder with what it computed."""
    report("recording", {})
    return evidence.save(record(_side(request.track, request.pair.load())), request.folder)


@task
def match_side(request: MatchRequest, report: Report) -> Match:
    """Return which recorded weight is which weight of a side."""
    report("matching", {})
    side = _side(request.track, request.pair.load())
    recording = evidence.load(Recording, request.folder)
    return with_sizes(side, recording, match(side, recording, request.by_name, request.seconds))


@task
def check_side(request: CheckRequest, report: Report) -> Checked:
    """Return whether a side with recorded weights, by rules, computes what was recorded."""
    report("checking", {})
    side = _side(request.track, request.pair.load())
    return check(side, evidence.load(Recording, request.folder), request.rules)


def _side(track: str, pair: Pair) -> Side:
    """Build one side of a pair in float64, with the first examples of its first batch."""
    opened = open_track(track, "cpu")
    try:
        model = opened.build(pair, 0, "float64")
        return opened.units(model, draw(pair.specs))
    except BridgeError as error:
        raise UserError(f"the weights of track '{track}' cannot be told apart: {error}") from error


def draw(inputs: Mapping[str, Input]) -> dict[str, np.ndarray]:
    """Return a batch on which models that differ at padding only compute the same: no mask hides anything.

    Which weight is which does not depend on it; the ladder, which climbs afterwards, feeds masks and all tokens.
    """
    generator = np.random.default_rng(0)

    def values(spec: Input) -> np.ndarray:
        shape = (BATCH, *spec.shape)
        if spec.kind == "tokens":
            return generator.integers(min(SPECIAL, spec.size // 2), spec.size, shape)
        return np.ones(shape, bool) if spec.kind == "mask" else generator.normal(size=shape)

    return {name: values(spec) for name, spec in inputs.items()}


def find_match(
    pair: PairReference,
    pool: WorkerPool,
    folder: Path,
    live: str = "keras:tensorflow",
    recorded: str = "torch",
    by_name: bool = True,
    seconds: float = SECONDS,
    on_progress: OnProgress = ignore,
) -> Match:
    """Return which weight of the track `recorded` is which of the track `live`; `folder` is for the recording.

    Raises UserError if a side cannot be built or does not run.
    """
    asked = RecordRequest(pair=pair, track=recorded, folder=folder / "recording")
    kept = pool.call(recorded, record_side, asked, on_progress, role=ROLE)
    wanted = MatchRequest(pair=pair, track=live, folder=kept, by_name=by_name, seconds=seconds)
    return pool.call(live, match_side, wanted, on_progress, role=ROLE)
