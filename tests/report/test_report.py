"""The report says what the runs say, is one file, and refuses runs that cannot be compared."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from tests.support.pages import Page
from tests.support.runs import answers, make_run, record_of
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import metrics
from twotrack.shared.report import disagreements, tables
from twotrack.shared.report.commands import reproducing
from twotrack.shared.report.plots import learning_curves
from twotrack.shared.report.runs_page import _confusions, find_runs, write_report
from twotrack.shared.runs.comparison import TrackFailure
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.runs.training import describe
from twotrack.shared.spec.profiles import switched

ARRAYS = EMBEDDED.arrays()
LABELS = ARRAYS["test_labels"].astype(np.int32)
WRONG = {"torch": [1, 2, 3, 4], "keras:jax": [3, 4, 5]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """One run of two tracks, wrong on WRONG and right elsewhere."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        make_run(folder / track.replace(":", "-"), answers(LABELS, wrong), LABELS, track=track)
        for track, wrong in WRONG.items()
    ]


@pytest.fixture(scope="module")
def page(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_report(runs, tmp_path_factory.mktemp("page") / "report.html", [], {}))


def test_accuracy_is_that_of_the_predictions(runs: list[Run]):
    rows = {row.track: row.score.value for row in tables.track_rows(runs)}

    assert rows == {"torch": 0.9996, "keras:jax": 0.9997}


def test_the_difference_counts_right_answers_and_disagreements(runs: list[Run]):
    (row,) = tables.difference_rows(runs)

    assert (row.first, row.second) == ("torch", "keras:jax")
    assert row.difference.value == pytest.approx(-1e-4)
    assert (row.disagreements, row.predictions) == (3, 10_000)
    assert row.within_margin


def test_the_verdict_stands_on_top_of_page_text_and_json(runs: list[Run], page: Page):
    (row,) = tables.difference_rows(runs)

    assert (row.verdict.first, row.verdict.second, row.verdict.kind) == ("torch", "keras:jax", "undecided")
    assert f"T{row.verdict.text[1:]}." in page.text
    assert f"verdict: {row.verdict.text}" in tables.comparison_text(runs, {})
    assert tables.comparison_json(runs, [], {})["verdict"] == row.verdict.text


def test_seeds_decide_that_two_tracks_are_equivalent(tmp_path: Path):
    runs = [
        make_run(tmp_path / f"{number}{seed}", answers(LABELS, [number, seed]), LABELS, track=track, seed=seed)
        for number, track in enumerate(WRONG)
        for seed in (7, 9)
    ]

    (row,) = tables.difference_rows(runs)

    assert row.verdict.kind == "equivalent"
    assert [test.seed for test in row.verdict.seed_tests] == [7, 9]


def test_runs_of_several_profiles_are_refused_and_one_is_named(tmp_path: Path):
    aligned, native = (make_run(tmp_path / track, track=track) for track in ("torch", "keras_torch"))
    job = native.record.job.model_copy(update={"track": "keras:jax", "switched": list(switched("native", None))})
    native = make_run(tmp_path / "native", job=job)

    with pytest.raises(UserError, match=r"profile .* aligned, same start, .* native, own start"):
        find_runs([aligned.folder, native.folder])
    assert "profile: native, own start" in tables.comparison_text([native], {})
    assert tables.comparison_json([aligned], [], {})["profile"] == "aligned, same start"


def test_a_difference_beyond_the_margin_is_not_within_it(runs: list[Run], tmp_path: Path):
    worse = make_run(tmp_path / "worse", answers(LABELS, list(range(100))), LABELS, track="keras:tensorflow")

    (row,) = tables.difference_rows([runs[0], worse])

    assert row.difference.value == pytest.approx((100 - 4) / 10_000)
    assert not row.within_margin


def test_only_seeds_that_both_tracks_ran_are_compared(tmp_path: Path):
    ran = [("torch", 0), ("torch", 1), ("keras:jax", 1), ("keras:torch", 2)]
    runs = [make_run(tmp_path / f"{n}", track=track, seed=seed) for n, (track, seed) in enumerate(ran)]

    rows = tables.difference_rows(runs)

    assert [(row.first, row.second, row.seeds) for row in rows] == [("torch", "keras:jax", [1])]


@pytest.mark.parametrize("what", ["initial_weights", "batches"])
def test_another_start_of_one_track_is_noticed(tmp_path: Path, what: str):
    other = {"initial_weights": {"logits.kernel": "zz"}, "batches": "zz"}[what]
    first, same = (make_run(tmp_path / track, track=track) for track in ("torch", "keras_torch"))
    changed = make_run(tmp_path / "changed", track="keras:jax", **{what: other})

    assert getattr(tables.same_start([first, same]), what)
    assert not getattr(tables.same_start([first, changed]), what)


def test_disagreements_are_the_examples_with_different_answers_surest_first(runs: list[Run]):
    found = disagreements.find(runs)

    sureness = [min(softmax(run.logits[number]).max() for run in runs) for number in found]
    assert sorted(found) == [1, 2, 5]
    assert sureness == sorted(sureness, reverse=True)


def test_a_disagreement_tells_truth_and_both_answers(runs: list[Run]):
    (shown,) = disagreements.show(runs, np.array([5]), CHAPTERS["mnist_cnn"].data())

    truth = LABELS[5]
    assert (shown.example, shown.true_class) == (5, str(truth))
    assert [(one.track, one.class_name, one.right) for one in shown.answers] == [
        ("torch", str(truth), True),
        ("keras:jax", str((truth + 1) % 10), False),
    ]


def shown(image: np.ndarray, kind: str) -> np.ndarray:
    found, _, content = disagreements.data_uri(image).partition(",")
    assert found == f"data:image/{kind};base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_grey_pictures_are_the_very_images():
    image = ARRAYS["test_images"][7]

    np.testing.assert_array_equal(shown(image, "png"), image)


def test_photos_look_like_the_images():
    rows, columns = np.mgrid[:64, :48]
    image = np.stack([2 * rows, 4 * columns, rows + columns], axis=-1).astype(np.uint8)

    assert np.abs(shown(image, "jpeg").astype(int) - image).mean() < 3


def test_the_worst_mistakes_are_those_with_the_least_probability_of_the_truth(runs: list[Run]):
    found = disagreements.worst(runs)

    wrong = {number for run in runs for number in np.flatnonzero(run.logits.argmax(axis=1) != run.labels)}
    truth = [np.mean([softmax(run.logits[number])[run.labels[number]] for run in runs]) for number in found]
    assert set(found) == wrong
    assert truth == sorted(truth)


def test_precision_and_recall_are_those_of_counting():
    labels = np.array([0, 0, 0, 1, 1, 2])
    logits = np.eye(4)[[0, 0, 1, 1, 0, 0]]

    precision, recall, f1 = metrics.per_class(logits, labels)

    np.testing.assert_allclose(precision, [2 / 4, 1 / 2, np.nan, np.nan])
    np.testing.assert_allclose(recall, [2 / 3, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(f1[:2], [4 / 7, 1 / 2])


def test_the_page_is_one_file_that_loads_nothing(page: Page):
    assert page.from_elsewhere == []
    assert "script" not in page.tags


def test_the_page_shows_results_difference_disagreements_mistakes_and_curves(page: Page, runs: list[Run]):
    assert len(page.pictures) == 3 + len(disagreements.worst(runs))
    assert "svg" in page.tags
    for shown in ("99.96 %", "99.97 %", "torch", "keras:jax", "3 of 10,000", "421,642", "learning_rate 0.003"):
        assert shown in page.text


def test_seeds_that_stop_early_are_in_curves_and_table_as_long_as_they_train(tmp_path: Path):
    last = {0: 1, 1: 3, 2: 2}
    runs = []
    for seed, epochs in last.items():
        one = record_of(tmp_path, seed=seed)
        losses = [1.0 + seed / 10] * 400 * epochs
        runs.append(
            make_run(
                tmp_path / f"{seed}",
                history={"loss": losses, "learning_rate": [1e-3] * len(losses)},
                job=one.job,
                epochs=[one.epochs[0].model_copy(update={"epoch": number + 1}) for number in range(epochs)],
            )
        )

    rows = tables.epoch_rows(runs)
    training, *validation = learning_curves(runs)

    assert [(row.epoch, len(row.seconds)) for row in rows] == [(1, 3), (2, 2), (3, 1)]
    assert len(validation) == 2
    assert "torch 1.1000 (1.0000 to 1.2000)" in training.words
    assert "that still train" in Page(write_report(runs, tmp_path / "report.html", [], {})).text


def test_commands_are_told_once_and_as_a_shell_takes_them(tmp_path: Path):
    typed = ["/somewhere/bin/twotrack", "run", "churn_mlp", "--data", "my customers.csv"]
    runs = [
        make_run(tmp_path / f"{seed}", job=record_of(tmp_path, seed=seed).job.model_copy(update={"command": typed}))
        for seed in (0, 1)
    ]

    assert reproducing(runs) == ["twotrack run churn_mlp --data 'my customers.csv'"]


def test_calibration_of_ten_classes_is_about_the_answer(runs: list[Run]):
    counts, predicted, observed = tables.calibration_bins(runs[:1])

    chances = softmax(runs[0].logits.astype(np.float64), axis=1).max(axis=1)
    right = runs[0].logits.argmax(axis=1) == LABELS
    top = chances >= 0.9
    assert (counts[-1], counts.sum()) == (top.sum(), 10_000)
    np.testing.assert_allclose([predicted[-1], observed[-1]], [chances[top].mean(), right[top].mean()])


def test_the_page_shows_confusions_that_add_up(runs: list[Run]):
    confusions = _confusions(runs)

    for track, wrong in WRONG.items():
        matrix = np.array(confusions[track])
        assert (matrix.sum(), np.trace(matrix)) == (10_000, 10_000 - len(wrong))
        np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(LABELS))


def test_the_page_reports_a_failed_track_with_its_log_and_escapes_it(runs: list[Run], tmp_path: Path):
    failure = TrackFailure("keras:tensorflow", "died (SIGKILL); its last log lines:\n  <script>alert(1)</script>")

    page = Page(write_report(runs, tmp_path / "report.html", [failure], {}))

    assert "Track keras:tensorflow did not finish." in page.text
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in page.tags


def test_a_page_that_cannot_be_written_is_a_user_error_and_leaves_nothing(runs: list[Run], tmp_path: Path):
    with pytest.raises(UserError, match="cannot write to the output folder"):
        write_report(runs, tmp_path / "absent" / "report.html", [], {})

    assert list(tmp_path.iterdir()) == []


def test_runs_are_found_in_the_folder_of_a_comparison_but_not_partial_ones(tmp_path: Path):
    for track in ("torch", "keras:jax"):
        make_run(tmp_path / track.replace(":", "-"), track=track)
    make_run(tmp_path / "finished", seed=5).folder.rename(tmp_path / ".finished.partial")

    found = find_runs([tmp_path, tmp_path / "torch"])

    assert [(run.record.job.track, run.record.job.seed) for run in found] == [("torch", 0), ("keras:jax", 0)]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"recipe": describe(CHAPTERS["mnist_cnn"].recipe("classic"))}, "recipe"),
        ({"config": {"architecture": "bn_gap"}}, "config"),
    ],
)
def test_runs_that_differ_in_more_than_track_and_seed_are_refused(tmp_path: Path, changes: dict, what: str):
    first = make_run(tmp_path / "a")
    second = make_run(tmp_path / "b", track="keras:jax", **changes)

    with pytest.raises(UserError) as caught:
        find_runs([first.folder, second.folder])

    assert str(caught.value).startswith(f"runs of one report differ in track and seed only; {what} of '{first.folder}'")
    assert f"of '{second.folder}' it is" in str(caught.value)


def test_two_runs_of_one_track_and_seed_are_refused(tmp_path: Path):
    folders = [make_run(tmp_path / name, seed=4).folder for name in ("a", "b")]

    with pytest.raises(UserError, match="two of the runs are of track torch with seed 4; name only one"):
        find_runs(folders)


def test_a_folder_without_runs_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=f"'{tmp_path}' holds no finished run"):
        find_runs([tmp_path])


def test_a_run_that_was_changed_is_refused_when_found(tmp_path: Path):
    run = make_run(tmp_path / "run")
    (run.folder / "history.json").write_text("{}")

    with pytest.raises(UserError, match="was changed after the run"):
        find_runs([tmp_path])


@pytest.mark.parametrize(
    ("chapter", "shown"),
    [("churn_mlp", {"contract", "tenure", "monthly_charges"}), ("churn_lstm", {"months", "tenure", "monthly_charge"})],
)
def test_a_disagreement_about_a_customer_shows_the_values(chapter: str, shown: set[str], tmp_path: Path):
    data = CHAPTERS[chapter].data()
    logits = np.ones((len(data.test), 1), np.float32)
    runs = [
        make_run(tmp_path / track.replace(":", "-"), sign * logits, data.test.labels, track=track)
        for track, sign in (("torch", 1), ("keras:jax", -1))
    ]

    found = disagreements.show(runs, disagreements.find(runs), data)

    assert all(shown <= one.values.keys() for one in found)
    assert [answer.class_name for answer in found[0].answers] == ["churns", "stays"]
