"""What pretrained weights are worth with few photos: python -m tests.benchmarks.stamps OUT [SECONDS] [TRACK]...

Trains shop_transfer on `--source stamps`: a new head on ImageNet's features, the last block beside it, all of the
network from a random start; and fits logistic regression on the pixels. Logits are kept in OUT, so that the command
goes on where it stopped; after SECONDS it begins no more trainings. Each line: test accuracy over the seeds that are
there, and the difference from the start at random, same seeds and photos, with 95 % intervals.
"""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from tests.benchmarks.stamps_training import Line, Training, train
from tests.support.own_tree import let_children_import_tests
from twotrack.shared import datasets
from twotrack.shared.datasets import stamps
from twotrack.shared.datasets.pictures import resize
from twotrack.shared.evaluation.statistics import Estimate, score, score_difference
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.workers.pool import WorkerPool

SEEDS = range(5)
PIXELS = 16
"""Of a side, for logistic regression."""


FROZEN, TUNED, SCRATCH = (
    Line("imagenet", "fast", 40, 64),
    Line("imagenet", "classic", 10, 64),
    Line("none", "scratch", 40, 64),
)
LARGER = Line("imagenet", "fast", 40, 96)
LINES = (FROZEN, SCRATCH, TUNED, LARGER)


def file_of(out: Path, track: str, line: Line, seed: int) -> Path:
    return out / f"{track.replace(':', '-')}-{line.name}-{seed}.npy"


def measure(out: Path, tracks: list[str], seconds: float) -> None:
    """Do the trainings that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    with WorkerPool("cpu", one_per_track=True) as workers:
        for line, seed, track in ((line, seed, track) for line in LINES for seed in SEEDS for track in tracks):
            file = file_of(out, track, line, seed)
            if not file.exists() and time.monotonic() < end:
                spent = workers.call(track, train, Training(track, line, seed, str(file)))
                print(f"{track} {line.name} seed {seed}: {spent:.0f} s of the processor", flush=True)


def of_pixels() -> np.ndarray:
    """Return the logits (1, photos, classes) of logistic regression on pixels, its strength chosen on validation."""
    data = datasets.load("shop", stamps.source())
    train, validation, test = (
        resize(split.inputs[ONLY], PIXELS).reshape(len(split), -1) / 255
        for split in (data.train, data.validation, data.test)
    )
    fitted = [LogisticRegression(C=10.0**power, max_iter=2000).fit(train, data.train.labels) for power in range(-4, 1)]
    best = max(fitted, key=lambda model: model.score(validation, data.validation.labels))
    return best.decision_function(test)[np.newaxis]


def shown(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def table(out: Path, tracks: list[str]) -> None:
    labels = datasets.load("shop", stamps.source()).test.labels
    print(f"logistic regression on pixels      {shown(score('accuracy', of_pixels(), labels))}")
    for track in tracks:
        there = {
            line: {seed: np.load(file) for seed in SEEDS if (file := file_of(out, track, line, seed)).exists()}
            for line in LINES
        }
        for line, by_seed in there.items():
            if not by_seed:
                continue
            both = sorted(by_seed.keys() & there[SCRATCH].keys())
            first, second = (
                np.stack([logits[seed] for seed in both]) if both else None for logits in (by_seed, there[SCRATCH])
            )
            above = shown(score_difference("accuracy", first, second, labels)) if both and line != SCRATCH else ""
            found = shown(score("accuracy", np.stack(list(by_seed.values())), labels))
            print(f"{track:<18} {line.name:<16} n={len(by_seed)}  {found}  {above} (n={len(both)})")


def main() -> None:
    out, seconds, *tracks = sys.argv[1], float((sys.argv[2:] or ["inf"])[0]), *sys.argv[3:]
    tracks = tracks or ["torch", "keras:tensorflow"]
    let_children_import_tests()
    measure(Path(out), tracks, seconds)
    table(Path(out), tracks)


if __name__ == "__main__":
    main()
