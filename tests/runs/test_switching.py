"""One run's weights on every track: predicted, converted and continued elsewhere, the model answers the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.special import expit, softmax

from tests.support.jobs import run as run_job
from tests.support.jobs import small_source
from tests.support.runs import make_run
from twotrack.shared.errors import UserError
from twotrack.shared.export.workflow import export
from twotrack.shared.report.runs_page import find_runs
from twotrack.shared.runs import convert, prediction
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.convert import Files
from twotrack.shared.runs.prediction import SplitRequest
from twotrack.shared.runs.records import Continued
from twotrack.shared.runs.run_folder import WEIGHTS, Run
from twotrack.shared.workers.pool import WorkerPool

FIRST, *OTHERS = ("keras:tensorflow", "keras:jax", "keras:torch", "torch")
LIMIT = 1e-5
"""Probabilities, absolute. Measured on all of MNIST: 7.1e-7 (docs/guides/porting.md)."""


@dataclass(frozen=True)
class Model:
    chapter: str
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "-".join([self.chapter, *(value for _, value in self.settings)])


RATE = ("learning_rate", "0.02")
"""So that few steps change much."""
MODELS = [
    Model("churn_mlp", (RATE,)),
    Model("churn_lstm", (("hidden_size", "8"), ("num_layers", "1"), RATE)),
    Model("mnist_cnn", (("filters", "4"), ("hidden_size", "32"), RATE)),
    Model("mnist_cnn", (("architecture", "bn_gap"), ("filters", "4"), RATE)),
]
Train = Callable[..., Run]


@pytest.fixture(scope="module")
def train(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train in the track's shared worker; of MNIST only the first digits."""
    parent = tmp_path_factory.mktemp("runs")

    def train(model: Model, track: str, seed: int = 0, **changes: Any) -> Run:
        folder = tmp_path_factory.mktemp("run", numbered=True) / "run"
        asked = {"settings": dict(model.settings), "examples": 512, "epochs": 1, "device": "cpu", **changes}
        (job,) = plan(TrainingRequest(model.chapter, (track,), (seed,), **asked), lambda *_: folder)
        if model.chapter == "mnist_cnn":  # not as embedded data, which moves with the installation
            job = job.model_copy(update={"source": replace(small_source(parent), name="tfds:small")})
        return run_job(workers, job)

    return train


SLOW = [one for one in MODELS if one is not MODELS[2]]
"""The one that stays has dense layers too; tests/sequences and tests/bridge have the weights of an LSTM on every track,
tests/runs/test_going_on.py walks with batch normalisation."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, id=str(one), marks=pytest.mark.slow if one in SLOW else ()) for one in MODELS],
)
def model(request: pytest.FixtureRequest) -> Model:
    return request.param


@pytest.fixture(scope="module")
def source(train: Train, model: Model) -> Run:
    """A run on the first track, two epochs of it, so that nothing is as it was drawn."""
    return train(model, FIRST, epochs=2)


def probabilities(logits: np.ndarray) -> np.ndarray:
    exact = logits.astype(np.float64)
    return softmax(exact, axis=1) if logits.shape[1] > 1 else expit(exact)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of the probabilities of two logits."""
    return float(np.abs(probabilities(one) - probabilities(other)).max())


def weights_apart(one: Run, other: Run) -> float:
    return max(float(np.abs(array - other.weights[name]).max()) for name, array in one.weights.items())


def test_a_walk_through_the_tracks_goes_on_where_the_last_one_ended(
    train: Train, workers: WorkerPool, model: Model, source: Run, tmp_path: Path
):
    """Before its first step each track predicts what the track before it did after its last one; so does a server."""
    assert np.ptp(probabilities(source.logits), axis=0).min() > 100 * LIMIT, "the answers must depend on the example"
    settled = source
    for track in OTHERS:
        arrived = train(model, track, start=settled.folder, epochs=0)
        assert apart(arrived.logits, settled.logits) <= LIMIT, track
        assert weights_apart(arrived, settled) == 0, track

        moved = train(model, track, seed=1, start=settled.folder, examples=384)
        assert moved.record.initial_weights == arrived.record.initial_weights
        assert apart(moved.logits, settled.logits) > 10 * LIMIT, "training must change the predictions"
        settled = moved

    out = tmp_path / "predicted.npz"
    workers.call(FIRST, prediction.predict_test, SplitRequest(settled.folder, FIRST, "cpu", out))
    with np.load(out, allow_pickle=False) as back:
        np.testing.assert_array_equal(back["labels"], source.labels)
        assert apart(back["logits"], settled.logits) <= LIMIT

    served = export(settled.folder, "tf-serving", tmp_path / "served", workers)
    assert [check.state for check in served.compared.checks] == ["passed"] * len(served.compared.checks)
    assert served.largest <= LIMIT


def test_converted_to_each_framework_and_back_the_weights_predict_the_same(
    workers: WorkerPool, model: Model, source: Run, tmp_path: Path
):
    """run -> .weights.h5 -> canonical -> torch's .safetensors -> canonical."""
    files = [(FIRST, "model.weights.h5"), ("torch", "model.safetensors")]
    variant, canonical = source.record.job.variant, source.folder / WEIGHTS
    for number, (track, name) in enumerate(files):
        there, back = tmp_path / name, tmp_path / f"canonical{number}"
        for work, stored in ((convert.write_weights, canonical), (convert.read_weights, back)):
            workers.call(track, work, Files(track, variant, there, stored))
        canonical = back

    converted = load_file(canonical)
    assert converted.keys() == source.weights.keys()
    for name, array in source.weights.items():
        np.testing.assert_array_equal(converted[name], array, err_msg=name)


# === What the record says, and what is refused ===


def test_the_record_names_the_run_and_its_weights_and_takes_its_settings(train: Train, source: Run, model: Model):
    continued = plan(TrainingRequest(model.chapter, ("torch",), start=source.folder), lambda *_: Path("new"))[0]

    assert continued.settings == dict(model.settings)
    assert continued.source == source.record.job.source
    assert continued.continues.model_dump() == {
        "folder": source.folder,
        "track": FIRST,
        "weights": source.record.files[WEIGHTS],
        "state": None,
        "steps": 0,
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run of mnist_cnn, made by hand."""
    return make_run(tmp_path / "made")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chapter": "churn_mlp"}, "is a run of the chapter 'mnist_cnn', not of 'churn_mlp'"),
        ({"start": Path("nowhere")}, "'nowhere' is no run folder"),
        ({"epochs": -1}, "--epochs: expected 0 or a positive number, found -1."),
        ({"settings": {"weights": "x"}}, "--warm-start and --weights both say which weights to start from"),
    ],
)
def test_what_cannot_be_continued_is_refused_before_anything_starts(run: Run, changes: dict, message: str):
    with pytest.raises(UserError) as caught:
        plan(
            TrainingRequest(**{"chapter": "mnist_cnn", "tracks": ("torch",), "start": run.folder, **changes}),
            lambda *_: run,
        )

    assert message in str(caught.value)


def test_a_setting_that_changes_the_models_shape_is_refused_by_weight(train: Train, source: Run, model: Model):
    if model.chapter == "churn_mlp":
        with pytest.raises(UserError, match=r"leave out the --set that changes it: .*misshapen: dense1.kernel \(40, 8"):
            train(model, "torch", start=source.folder, settings={"hidden_size": "8"})


def test_weights_that_were_replaced_after_they_were_named_are_refused(workers: WorkerPool, tmp_path: Path, run: Run):
    (job,) = plan(TrainingRequest("mnist_cnn", ("torch",), start=run.folder), lambda *_: tmp_path / "new")
    stale = job.continues.model_copy(update={"weights": "0" * 64})

    changed = job.model_copy(update={"continues": stale})

    with pytest.raises(UserError, match="were replaced meanwhile"):
        run_job(workers, changed)


# === What the test split's repetition says, and the report on continued runs ===


def test_a_repetition_is_the_same_up_to_the_limit_and_not_beyond(run: Run):
    """A two-class shift of one logit by d near probability 1/2 moves the probability by d / 4."""
    labels = np.array([0, 1], np.int32)
    flat = make_run(run.folder.with_name("flat"), np.zeros((2, 1), np.float32), labels)

    near, far = (prediction._compare(flat, "keras:jax", np.array([[0], [shift]])) for shift in (3.6e-5, 4.4e-5))

    assert (near.same, far.same) == (True, False)
    assert far.difference == pytest.approx(1.1e-5, rel=1e-6)
    assert (near.examples, near.track, near.run_track) == (2, "keras:jax", "torch")
    assert prediction._compare(flat, "torch", np.array([[-1], [1]])).other_classes == 1


def test_a_report_takes_no_run_without_an_epoch_and_no_other_start(run: Run, tmp_path: Path):
    continued = {"folder": str(run.folder), "track": "torch", "weights": run.record.files[WEIGHTS]}
    job = run.record.job.model_copy(update={"track": "keras:jax", "continues": Continued(**continued)})
    other = make_run(tmp_path / "other", job=job)
    still = make_run(tmp_path / "still", job=job, epochs=[])

    with pytest.raises(UserError, match=r"differ in track and seed only; start of '.*made' is the chapter's initial"):
        find_runs([run.folder, other.folder])
    with pytest.raises(UserError, match=r"still' was trained for no whole epoch"):
        find_runs([still.folder])
    assert (still.record.epoch_seconds, still.record.examples_per_second) == (0, 0)
