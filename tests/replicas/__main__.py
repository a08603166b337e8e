"""Measures how far replicas stray from one in 20 float64 steps, for models of chapters, on every track.

python -m tests.replicas [--tracks torch,keras:jax] [--models dense] [--replicas 2]
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

from twotrack.shared.spec.sides import SideName
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify import evidence
from twotrack.shared.verify.replicas import ReplicasEvidence, ReplicasRequest, measure_replicas
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

MODELS: Mapping[str, tuple[VerifyRequest, bool]] = {
    "dense": (VerifyRequest(name="churn_mlp"), True),
    "batch norm": (VerifyRequest(name="mnist_cnn", settings={"architecture": "bn_gap"}), True),
    "batch norm of shares": (VerifyRequest(name="mnist_cnn", settings={"architecture": "bn_gap"}), False),
    "convolution": (VerifyRequest(name="mnist_cnn"), True),
    "lstm": (VerifyRequest(name="churn_lstm"), True),
    "transformer": (VerifyRequest(name="churn_transformer"), True),
}
"""What is trained, and whether batch normalisation takes the statistics of the whole batch, as runs do."""


def measured(track: str, model: str, replicas: int) -> ReplicasEvidence:
    """Return what the rung sees of one model on one track."""
    request, synchronised = MODELS[model]
    with tempfile.TemporaryDirectory() as folder, WorkerPool("cpu", quick_to_compile=True) as pool:
        asked = ReplicasRequest(
            verify=request,
            side=SideName(track=track, is_reference=track == "torch"),
            folder=Path(folder) / "found",
            count=replicas,
            synchronised=synchronised,
        )
        found = pool.call(track, measure_replicas, asked, replicas=replicas)
        return evidence.load(ReplicasEvidence, found)


def line(track: str, model: str, found: ReplicasEvidence) -> str:
    """Return a row of the table."""
    apart, cause = found.apart, "" if found.is_equal else "unknown"
    if found.cause:
        cause = f"{found.cause.name}: {found.cause.apart.largest:.1e} is left"
    return f"| {track} | {model} | {apart.loss:.1e} | {apart.gradient:.1e} | {apart.weight:.1e} | {cause} |"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--tracks", default=",".join(TRACKS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--replicas", type=int, default=2)
    given = parser.parse_args()
    print("| track | model | loss | gradients | weights | cause |\n|---|---|---|---|---|---|")
    for track in given.tracks.split(","):
        for model in given.models.split(","):
            print(line(track, model, measured(track, model, given.replicas)), flush=True)


if __name__ == "__main__":
    main()
