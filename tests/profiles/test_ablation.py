"""`ablate` on a tiny budget: what it trains, and that its table says what the runs say."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import twotrack
from tests.support.jobs import small_source
from twotrack.shared.cli.console import _title
from twotrack.shared.evaluation.statistics import score_difference
from twotrack.shared.report.ablation import ablation_json, ablation_markdown, ablation_text, changes
from twotrack.shared.runs import ablation
from twotrack.shared.runs.ablation import Ablation
from twotrack.shared.runs.comparison import TrainingOutcome, TrainingRequest, run_jobs
from twotrack.shared.runs.records import Job
from twotrack.shared.spec.profiles import SWITCHES
from twotrack.shared.workers.pool import WorkerPool

TRACKS = ("torch", "keras:torch")
SEED = 4
SETTINGS = {"architecture": "bn_gap", "filters": "4", "hidden_size": "8"}
SWITCHED = {
    "torch": ["dense_start", "convolution_start", "batch_norm_variance", "adam_epsilon", "adam_epsilon_place"],
    "keras:torch": ["dense_start", "convolution_start", "batch_norm_epsilon", "batch_norm_momentum"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, workers: WorkerPool) -> Ablation:
    """The ablation of one seed on the session's workers and the small data."""
    folder = tmp_path_factory.mktemp("ablation")
    request = TrainingRequest("mnist_cnn", TRACKS, (SEED,), settings=SETTINGS, examples=128, device="cpu")
    jobs = [
        job.model_copy(update={"source": small_source(folder)})
        for job in ablation.aligned_jobs(request, folder / "runs")
    ]

    def train(some: Sequence[Job], pool: WorkerPool) -> TrainingOutcome:
        return run_jobs(some, pool=pool)

    return ablation.ablate(jobs, train, pool=workers)


def test_every_track_trains_aligned_native_and_one_default_at_a_time(found: Ablation):
    assert {track: list(variants) for track, variants in found.tracks.items()} == {
        track: ["aligned", *switched, "native"] for track, switched in SWITCHED.items()
    }
    for track, variants in found.tracks.items():
        for name, runs in variants.items():
            expected = {"aligned": [], "native": SWITCHED[track]}.get(name, [name])
            assert [(run.record.job.seed, run.record.switched) for run in runs] == [(SEED, expected)]
        assert variants["native"][0].record.job.switched == list(SWITCHES)


def test_all_runs_of_a_seed_see_the_same_batches(found: Ablation):
    runs = [runs[0] for variants in found.tracks.values() for runs in variants.values()]

    assert len({run.record.batches for run in runs}) == 1


def test_only_the_switched_kind_of_weights_starts_otherwise(found: Ablation):
    for variants in found.tracks.values():
        aligned = variants["aligned"][0].record.initial_weights
        for name, runs in variants.items():
            other = {key for key, value in runs[0].record.initial_weights.items() if value != aligned[key]}
            layers = {key.partition(".")[0] for key in other}
            expected = {"dense_start": {"dense1", "logits"}, "convolution_start": {"conv1", "conv2"}}
            everything = expected["dense_start"] | expected["convolution_start"]
            assert layers == expected.get(name, everything if name == "native" else set())


def test_every_switch_changes_the_outputs(found: Ablation):
    for variants in found.tracks.values():
        for name, runs in variants.items():
            same = np.array_equal(runs[0].logits, variants["aligned"][0].logits)
            assert same == (name == "aligned")


def test_the_change_is_paired_with_the_aligned_run_of_the_seed(found: Ablation):
    rows = {(one.track, one.switched): one for one in changes(found)}

    assert list(rows) == [(track, name) for track in TRACKS for name in [*SWITCHED[track], "native"]]
    variants = found.tracks["torch"]
    ours, aligned = (np.stack([run.logits for run in variants[name]]) for name in ("dense_start", "aligned"))
    expected = score_difference("accuracy", ours, aligned, variants["aligned"][0].labels)
    assert rows["torch", "dense_start"].change == expected
    assert rows["torch", "adam_epsilon"].default == "1e-8"
    assert rows["keras:torch", "batch_norm_momentum"].default == "0.99, the share kept"


def test_text_markdown_and_json_say_the_same(found: Ablation):
    text, markdown, data = ablation_text(found), ablation_markdown(found), ablation_json(found)

    row = next(line for line in markdown.splitlines() if line.startswith("| Adam epsilon |"))
    assert row.count("|") == 4
    assert row.endswith("| - |")
    assert "all: native" in text
    assert "aligned: torch and keras:torch are" in text
    assert "native: torch and keras:torch are" in text
    assert json.loads(json.dumps(data))["changes"][0]["switched"] == "dense_start"
    assert [one["kind"] for one in data["verdicts"]["aligned"]] == [data["verdicts"]["aligned"][0]["kind"]]


def test_progress_says_what_is_switched(found: Ablation):
    job = found.tracks["torch"]["adam_epsilon"][0].record.job

    assert _title(job) == f"torch seed {SEED}, aligned but for adam_epsilon"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("mnist_cnn", "--seeds", 0), "--seeds"),
        (("churn_mlp", "--data", "absent.csv"), "absent.csv"),
        (("mnist_cnn", "--data", "customers.csv"), "takes no CSV file"),
        (("shop_transfer", "--images", "absent"), "absent"),
        (("review_bert", "--weights", "./absent"), "absent"),
        (("mnist_cnn", "--source", "tfdz"), "tfdz"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_the_command_refuses_what_cannot_be_done_and_leaves_nothing(asked: tuple, told: str, tmp_path: Path):
    done = twotrack("ablate", *asked, folder=tmp_path, check=False)

    assert done.code == 2
    assert told in done.error_line
    assert list(tmp_path.iterdir()) == []
