"""A comparison that was killed is continued: only what is missing is trained, with the same result."""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import Done, Running, in_process
from tests.support.jobs import run
from tests.support.runs import make_run
from twotrack.shared.base.atomic import partial_name
from twotrack.shared.errors import UserError
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.processes import Worker

TRACKS, SEEDS = ("torch", "keras:torch"), (0, 1)
SMALL = {"examples": 256, "settings": {"filters": "4"}, "device": "cpu"}
OPTIONS = ("--tracks", ",".join(TRACKS), "--seeds", "2", "--examples", "256", "--set", "filters=4", "--device", "cpu")
REQUEST = TrainingRequest("mnist_cnn", TRACKS, SEEDS, **SMALL)


def uninterrupted(workers: WorkerPool, folder: Path) -> list[Run]:
    """Train the same jobs in workers that have done other things before."""
    jobs = plan(REQUEST, lambda track, seed: folder / run_name(track, seed))
    return [run(workers, job) for job in jobs]


def test_a_killed_comparison_goes_on_with_the_same_result(tmp_path: Path, workers: WorkerPool):
    with Running("compare", "mnist_cnn", *OPTIONS, folder=tmp_path) as command:
        command.wait_for(lambda: list(tmp_path.glob("runs/*/.torch_seed1.partial")), "the second run has begun")
        command.process.kill()
    (folder,) = tmp_path.glob("runs/compare_*")
    kept = (folder / "torch_seed0/record.json").stat().st_mtime_ns

    done = in_process("compare", "--resume", folder, folder=tmp_path, workers=workers)

    started = [line for line in done.stderr.splitlines() if line.endswith(": started")]
    assert started == [f"{name}: started" for name in ("torch seed 1", "keras:torch seed 0", "keras:torch seed 1")]
    assert (folder / "torch_seed0/record.json").stat().st_mtime_ns == kept
    assert sorted(one.name for one in folder.iterdir()) == [
        "keras-torch_seed0", "keras-torch_seed1", "plan.json", "report.html", "torch_seed0", "torch_seed1",
    ]  # fmt: skip
    for expected in uninterrupted(workers, tmp_path / "expected"):
        require_equal(read(folder / expected.folder.name), expected)
    require_nothing_left(folder, done)


def require_equal(ours: Run, theirs: Run) -> None:
    """Require equal numbers, to the last digit."""
    assert ours.history == theirs.history
    assert ours.record.test == theirs.record.test
    assert ours.record.initial_weights == theirs.record.initial_weights
    assert ours.record.batches == theirs.record.batches
    np.testing.assert_array_equal(ours.logits, theirs.logits)
    for name, array in theirs.weights.items():
        np.testing.assert_array_equal(ours.weights[name], array, err_msg=name)


def require_nothing_left(folder: Path, first: Done) -> None:
    """Require that a finished comparison says so, trains nothing and prints the same."""
    again = in_process("compare", "--resume", folder, folder=folder)

    assert again.stderr == "nothing to train: all 4 runs of the comparison are finished\n"
    assert again.stdout == first.stdout


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A comparison with one finished run of four, as a killed command leaves it, its partial folder included."""
    folder = tmp_path / "runs"
    folder.mkdir()
    jobs = plan(REQUEST, lambda track, seed: folder / run_name(track, seed))
    with plans.begin(jobs, REQUEST):
        make_run(folder / "torch_seed0", job=jobs[0])
    partial_name(jobs[1].folder).mkdir()
    return folder


def todo(folder: Path) -> list[str]:
    jobs = plan(REQUEST, lambda track, seed: folder / run_name(track, seed))
    with plans.resume(jobs, pytest.fail) as found:
        return [job.folder.name for job in found.jobs]


def change_plan(folder: Path, **changes: object) -> None:
    content = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(content | changes))


def refused(folder: Path, *options: object) -> str:
    """Return the message of a resume that is refused and changes nothing."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = in_process("compare", *options, "--resume", folder, folder=folder.parent, check=False)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == done.error_line + "\n"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    return done.error_line


def test_only_the_missing_runs_are_left_to_do_and_what_a_dead_run_left_is_removed(begun: Path):
    assert todo(begun) == ["torch_seed1", "keras-torch_seed0", "keras-torch_seed1"]
    assert sorted(one.name for one in begun.iterdir()) == ["plan.json", "torch_seed0"]


def test_the_plan_tells_everything_before_the_first_run(tmp_path: Path):
    jobs = plan(REQUEST, lambda track, seed: tmp_path / run_name(track, seed))

    with plans.begin(jobs, REQUEST):
        content = json.loads((tmp_path / "plan.json").read_text())

    assert [(job["track"], job["seed"]) for job in content["jobs"]] == [(t, s) for t in TRACKS for s in SEEDS]
    assert content["request"] | {"tracks": list(TRACKS), "seeds": [0, 1], "recipe": "fast"} == content["request"]
    assert content["jobs"][0]["source"]["file"]["sha256"] == jobs[0].source.file.sha256
    assert {"torch", "keras", "tensorflow"} <= content["environment"]["packages"].keys()
    assert list(tmp_path.iterdir()) == [], "a comparison without a run leaves no plan"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seeds", "3"), "was begun with seeds 0, 1, asked for is 0, 1, 2;"),
        (("--tracks", "torch"), "was begun with tracks torch, keras:torch, asked for is torch;"),
        (("--recipe", "classic"), "was begun with recipe fast, asked for is classic;"),
        (("--set", "filters=8"), "was begun with settings {'filters': '4'}, asked for is {'filters': '8'};"),
        (("--epochs", "2"), "was begun with epochs None, asked for is 2;"),
        (("mnist_cnn", "--device", "auto"), "was begun with device cpu, asked for is auto;"),
        (("churn_mlp",), "was begun with chapter mnist_cnn, asked for is churn_mlp;"),
        (("--out", "elsewhere"), "--resume and --out both say where the results are; leave out --out."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_other_options_than_at_the_start_are_refused(begun: Path, options: tuple[str, ...], message: str):
    assert message in refused(begun, *options)


def test_the_same_options_may_be_given_again(begun: Path):
    make_run(begun / "keras-torch_seed0", seed=7)

    assert "is no run of this comparison" in refused(begun, "mnist_cnn", *OPTIONS), "and so the options were not"


@pytest.mark.parametrize("name", ["keras", "tensorflow", "torch", "numpy"])
def test_another_version_of_a_package_is_refused(begun: Path, name: str):
    environment = json.loads((begun / "plan.json").read_text())["environment"]
    installed = environment["packages"][name]
    environment["packages"][name] = "0.0.1"
    change_plan(begun, environment=environment)

    assert f"with version of {name} = 0.0.1, here and now it is {installed};" in refused(begun)


@pytest.mark.parametrize(("name", "then"), [("twotrack", "0.0.1"), ("schema_version", 1), ("code", "00ff")], ids=str)
def test_another_twotrack_is_refused(begun: Path, name: str, then: object):
    change_plan(begun, **{name: then})

    assert f"was begun with {name} = {then}, here and now it is " in refused(begun)


def test_another_machine_is_refused(begun: Path):
    environment = json.loads((begun / "plan.json").read_text())["environment"]
    change_plan(begun, environment=environment | {"processor": "another one"})

    assert "was begun with processor = another one, here and now it is " in refused(begun)


def test_other_data_are_refused(begun: Path):
    jobs = json.loads((begun / "plan.json").read_text())["jobs"]
    jobs[0]["source"]["file"]["sha256"] = "f00d"
    change_plan(begun, jobs=jobs)

    assert "was begun with data = f00d, here and now it is " in refused(begun)


def empty_all(folder: Path) -> None:
    """Leave what a loss of power leaves where nothing was synced: all names, and no content."""
    for file in folder.iterdir():
        file.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "predictions.npz").unlink(), "'torch_seed0' is incomplete: predictions.npz"),
        (empty_all, "'torch_seed0/record.json' is damaged"),
        (lambda folder: [file.unlink() for file in folder.iterdir()], "'torch_seed0' is no run folder"),
    ],
    ids=["a file is missing", "every file is empty", "an empty folder"],
)
def test_a_damaged_run_is_set_aside_and_done_again(begun: Path, damage: Callable[[Path], object], told: str):
    damage(begun / "torch_seed0")
    content = {file.name: file.read_bytes() for file in (begun / "torch_seed0").iterdir()}

    assert told in set_aside(begun)[0].replace(f"{begun}/", "")
    assert not (begun / "torch_seed0").exists()
    assert {file.name: file.read_bytes() for file in (begun / ".torch_seed0.damaged").iterdir()} == content
    make_damaged_again(begun)
    assert f"'{begun / '.torch_seed0.damaged1'}'" in set_aside(begun)[0]


def set_aside(folder: Path) -> list[str]:
    """Return what a resume says that finds four runs to do."""
    said: list[str] = []
    jobs = plan(REQUEST, lambda track, seed: folder / run_name(track, seed))
    with plans.resume(jobs, said.append) as found:
        assert len(found.jobs) == 4
    return said


def make_damaged_again(folder: Path) -> None:
    (folder / "torch_seed0").mkdir()
    (folder / "torch_seed0/record.json").write_text("{}")


def test_a_run_of_another_comparison_in_the_same_place_is_refused(begun: Path):
    make_run(begun / "keras-torch_seed0", seed=7)

    assert "keras-torch_seed0' is no run of this comparison; move it away" in refused(begun)


def test_another_run_in_the_place_of_a_finished_one_is_found_though_all_its_hashes_are_right(begun: Path):
    """Two runs of the same job differ in their times alone."""
    job = read(begun / "torch_seed0").record.job
    shutil.rmtree(begun / "torch_seed0")
    make_run(begun / "torch_seed0", job=job, finished="2025-01-02T00:00:00+00:00")

    done = in_process("report", begun, folder=begun, check=False)
    assert f"'{begun}/torch_seed0/record.json' was changed after the comparison" in done.error_line
    assert "was changed after the comparison, or is of another run" in set_aside(begun)[0]


def test_whoever_waits_for_a_plan_that_is_written_anew_holds_the_new_one(begun: Path):
    """The first holder ends, and writes down what it has finished, while the second one waits."""
    jobs = plan(REQUEST, lambda track, seed: begun / run_name(track, seed))
    with ThreadPoolExecutor() as threads:
        with plans.resume(jobs, pytest.fail):
            waiting = threads.submit(todo, begun)
            time.sleep(0.3)
            make_run(begun / "torch_seed1", job=jobs[1])
        assert waiting.result() == ["keras-torch_seed0", "keras-torch_seed1"]


def test_a_folder_without_a_plan_and_a_damaged_plan_are_refused(begun: Path):
    (begun / "plan.json").write_text("{")
    assert "plan.json' is no plan that twotrack" in refused(begun)

    (begun / "plan.json").unlink()
    assert "holds no comparison: it has no plan.json; name a folder that 'compare' has made." in refused(begun)


def test_a_comparison_at_work_is_not_continued_by_a_second_command(begun: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plans, "_LOCK_SECONDS", 0.3)
    jobs = plan(REQUEST, lambda track, seed: begun / run_name(track, seed))

    with plans.resume(jobs, pytest.fail):
        partial_name(jobs[1].folder).mkdir()
        message = refused(begun)

    assert f"somebody is at work on the comparison '{begun}'" in message
    assert len(todo(begun)) == 3, "the lock is free when its holder has ended"


def test_a_worker_that_outlives_its_command_keeps_the_lock(begun: Path, monkeypatch: pytest.MonkeyPatch):
    """It may still be at work on a partial folder, which another command would remove."""
    monkeypatch.setattr(plans, "_LOCK_SECONDS", 0.3)
    jobs = plan(REQUEST, lambda track, seed: begun / run_name(track, seed))

    with plans.resume(jobs, pytest.fail) as found:
        worker = Worker(None, "cpu", inherited=found.inherited)
    with worker, pytest.raises(UserError, match="somebody is at work"):
        todo(begun)

    assert len(todo(begun)) == 3


def test_a_moved_comparison_goes_on_where_it_is_now(begun: Path, tmp_path: Path):
    moved = begun.rename(tmp_path / "moved")

    jobs = plan(plans.stored_request(moved), lambda track, seed: moved / run_name(track, seed))
    with plans.resume(jobs, pytest.fail) as found:
        assert {job.folder.parent for job in found.jobs} == {moved}


def test_runs_names_a_comparison_that_is_not_finished(begun: Path):
    found = in_process("runs", begun, "--json", folder=begun).json()

    reasons = {Path(one["folder"]).name: one["reason"] for one in found["problems"]}
    assert reasons["runs"] == f"3 of 4 runs are missing; 'twotrack compare --resume {begun}' trains them"
    assert reasons[".torch_seed1.partial"].startswith("it has no record yet")
