"""Gradients of inputs, attention, and the longer series, each against something independent."""

from pathlib import Path

import numpy as np
import pytest

from tests.experiments import tasks
from twotrack.shared import chapters
from twotrack.shared.by_hand import transformer
from twotrack.shared.datasets.spec import Split
from twotrack.shared.experiments.churn_lstm import with_forget_bias
from twotrack.shared.experiments.churn_transformer import typical
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.series import repeat, series_lab
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

SMALL = {"hidden_size": "4", "num_layers": "1"}
IMAGES = {"filters": "2", "hidden_size": "4"}
POST = {"norm": "post", "positions": "sinusoidal", "num_heads": "2", "hidden_size": "6"}


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    ("chapter", "settings"),
    [("churn_lstm", SMALL), ("mnist_cnn", IMAGES)],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_gradients_of_inputs_are_those_of_central_differences(
    chapter: str, settings: dict[str, str], track: str, workers: WorkerPool
) -> None:
    pairs = workers.call(track, tasks.input_gradients, tasks.OfChapter(track=track, chapter=chapter, settings=settings))

    for found, difference in pairs:
        assert found == pytest.approx(difference, rel=1e-6, abs=1e-10)
        assert abs(found) > 1e-4


@pytest.mark.parametrize(
    ("track", "settings"),
    [("torch", {}), *((track, POST) for track in TRACKS)],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
def test_attention_and_logits_by_hand_are_those_of_the_track(
    settings: dict[str, str], track: str, workers: WorkerPool, tmp_path: Path
) -> None:
    workers.call(track, tasks.attention, tasks.Attention(track=track, settings=settings, out=tmp_path / "found.npz"))
    found = dict(np.load(tmp_path / "found.npz"))
    weights = {name.removeprefix("weight:"): one for name, one in found.items() if name.startswith("weight:")}

    config = chapters.get("churn_transformer").configure(settings)
    expected = transformer.forward(weights, config, found["months"], found["mask"])

    np.testing.assert_allclose(found["maps"], np.stack(expected.attention), rtol=0, atol=1e-13)
    np.testing.assert_allclose(found["logits"], expected.logits, rtol=0, atol=1e-13)
    padding = np.broadcast_to(~found["mask"][:, None, None], found["maps"].shape)
    assert padding.any()
    assert (found["maps"][padding] == 0).all()
    assert found["maps"].std() > 0.01


def test_a_longer_lab_has_real_months_only_and_each_year_again_and_again() -> None:
    lab = Lab("torch", chapters.get("churn_rnn"), 0)
    longer = series_lab(lab, chapters.get("churn_transformer"), 4)

    months = longer.dataset.train.inputs["months"]
    year = lab.dataset.train.inputs["months"][lab.dataset.train.inputs["mask"].all(axis=1)]
    assert months.shape == (len(year), 48, 5)
    for start in range(0, 48, 12):
        np.testing.assert_array_equal(months[:, start : start + 12], year)
    assert longer.dataset.train.inputs["mask"].all()
    assert longer.chapter.config.months == longer.chapter.input_shape["months"].shape[0] == 48
    assert longer.chapter.configure({"num_layers": "1"}).months == 48
    assert lab.chapter.config.months == 12


def test_months_are_no_setting() -> None:
    assert "months" not in vars(chapters.get("churn_rnn").config)


def test_labels_stay_with_their_customers() -> None:
    data = chapters.get("churn_rnn").data()
    full = np.flatnonzero(data.test.inputs["mask"].all(axis=1))

    np.testing.assert_array_equal(repeat(data.test, 3).labels, data.test.labels[full])


def test_only_the_forget_gates_bias_changes() -> None:
    weights = {"lstm1.recurrent_kernel": np.ones((2, 8)), "lstm1.bias": np.zeros(8), "logits.bias": np.zeros(1)}

    changed = with_forget_bias(weights, 3.0)

    assert changed["lstm1.bias"].tolist() == [0, 0, 3, 3, 0, 0, 0, 0]
    assert changed["logits.bias"].tolist() == [0]
    assert weights["lstm1.bias"].tolist() == [0] * 8


def test_typical_customers_are_one_of_a_whole_year_and_one_of_few_months() -> None:
    test = chapters.get("churn_transformer").data().test

    lengths = test.inputs["mask"][typical(test)].sum(axis=1)

    assert lengths[0] == 12
    assert 3 <= lengths[1] <= 6


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([2, 12, 4, 12, 3], [1, 2]),
        ([11, 10, 12, 10], [2, 1]),  # nobody has so few, as among the customers of CDNOW
        ([12, 12], [0]),
        ([5, 2], [0]),
    ],
)
def test_typical_customers_are_found_where_nobody_has_few_months(lengths: list[int], expected: list[int]) -> None:
    mask = np.arange(12) < np.array(lengths)[:, np.newaxis]

    assert typical(Split({"mask": mask}, np.zeros(len(lengths), np.int32))).tolist() == expected
