"""`--precision`: what is asked for is what every track trains in; what is judged and kept is float32."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs import precision_tasks
from tests.support.fake_model import FakeTrack
from tests.support.jobs import run
from twotrack.shared import chapters
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.errors import UserError
from twotrack.shared.precision.formats import FORMATS, nearest
from twotrack.shared.runs.agreement import agreements, why_not_exact
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.devices import without_bfloat16
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.track import TRACKS, run_precision
from twotrack.shared.weights import initial
from twotrack.shared.workers.pool import WorkerPool


def job(folder: Path, chapter: str, track: str, **changes: Any) -> Job:
    asked = {"epochs": 1, "examples": 128, "device": "cpu"} | changes
    (planned,) = plan(TrainingRequest(chapter, (track,), **asked), lambda *_: folder / track.replace(":", "-"))
    return planned


# === What is asked for ===


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "float32"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"precision": "float64"}, "float64"),
        ({"exact": True}, "float64"),
        ({"same_masks": True, "precision": "float64"}, "float64"),
    ],
)
def test_a_job_says_what_it_trains_in(tmp_path: Path, asked: dict[str, Any], expected: str):
    planned = job(tmp_path, "neuron", "torch", **asked)

    assert (planned.precision, planned.trains_in) == (expected, expected)


def test_exact_runs_in_less_than_float64_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="compute in float64; leave out --precision bfloat16"):
        job(tmp_path, "neuron", "torch", exact=True, precision="bfloat16")


def test_another_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="unknown precision 'float46': did you mean 'float64'"):
        run_precision("float46")


def test_a_device_without_bfloat16_is_named_with_the_reason():
    class Old(FakeTrack):
        name = "torch"

        def bfloat16_problem(self) -> str:
            return without_bfloat16("Tesla T4", (7, 5))

    with pytest.raises(UserError, match=r"'Tesla T4' does not compute in bfloat16: expected .* 8\.0 or more, found 7"):
        Old().require("mixed_bfloat16")
    Old().require("float32")
    assert without_bfloat16("A100", (8, 0)) == ""


# === bfloat16 ===


def cut(values: np.ndarray) -> np.ndarray:
    """Return numbers whose digits behind those of bfloat16 are cut off, as TensorFlow's product on many CPUs does."""
    return (values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def loss(inputs: np.ndarray, labels: np.ndarray, precision: str, is_cut: bool = False) -> float:
    """Return a neuron's binary cross-entropy at the start; inputs, weights and logits are rounded to a format."""
    kernel, to = initial.draw({"neuron.kernel": (inputs.shape[1], 1)}, seed=0)["neuron.kernel"], FORMATS[precision]
    product = nearest(inputs, to) @ nearest(kernel, to)
    logits = cut(product) if is_cut else nearest(product, to)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


@pytest.mark.parametrize("track", TRACKS)
def test_a_step_computes_in_bfloat16_and_its_loss_in_more(workers: WorkerPool, tmp_path: Path, track: str):
    trained = run(workers, job(tmp_path, "neuron", track, precision="bfloat16"))

    variant = trained.record.job.variant
    data = variant.data()
    batches = TrainingBatches(data, data.train.first(128), variant.recipe.batch_size, 0, variant.chapter.loss)
    first = next(batches.epoch(0))
    half, single = (loss(first.inputs[ONLY], first.targets[0], name) for name in ("bfloat16", "float32"))
    assert abs(half - single) > 1e-5  # else nothing could be seen
    allowed = [half]
    if track == "keras:tensorflow":
        allowed.append(loss(first.inputs[ONLY], first.targets[0], "bfloat16", is_cut=True))
    assert any(trained.history["loss"][0] == pytest.approx(one, rel=1e-6) for one in allowed)


@pytest.mark.parametrize("track", TRACKS)
def test_weights_and_predictions_are_those_of_float32(workers: WorkerPool, track: str):
    found = workers.call(track, precision_tasks.mixed, track)

    assert found.weights == found.predictions == ["float32"]
    assert found.difference == 0.0
    assert 0 < found.moved < 0.1


# === float64 ===


def test_float64_is_exact_where_nothing_draws(workers: WorkerPool, tmp_path: Path):
    runs = [run(workers, job(tmp_path, "neuron", track, precision="float64")) for track in ("torch", "keras:torch")]

    (pair,) = agreements(runs)

    assert pair.within
    assert not why_not_exact(runs)


def test_float64_with_dropout_says_which_layer_draws(workers: WorkerPool, tmp_path: Path):
    runs: list[Run] = [
        run(workers, job(tmp_path, "churn_mlp", track, precision="float64")) for track in ("torch", "keras:torch")
    ]

    assert agreements(runs) == []
    assert "float64, but not exact: the numbers of" in why_not_exact(runs)
    assert {array.dtype.name for array in runs[0].weights.values()} == {"float64"}
    assert chapters.get("churn_mlp").config.dropout > 0
