"""A sweep is the product of what is varied: each point a comparison as `compare` makes it, and it can be continued."""

import json
import shutil
from pathlib import Path

import pytest

from tests.runs.test_resume import require_equal
from tests.support.command_line import in_process
from tests.support.jobs import run
from twotrack.shared.errors import UserError
from twotrack.shared.runs import sweeps
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.run_folder import read
from twotrack.shared.runs.sweeps import SweepSpec
from twotrack.shared.workers.pool import WorkerPool

TOML = """
chapters = ["neuron", "backprop"]
tracks = ["torch"]
seeds = [0, 3]
[settings]
learning_rate = [0.1, 0.01]
"""
YAML = "chapters: [neuron, backprop]\ntracks: [torch]\nseeds: [0, 3]\nsettings: {learning_rate: [0.1, 0.01]}\n"
COMMON = ("--examples", "256", "--device", "cpu")


@pytest.mark.parametrize(("name", "text"), [("sweep.toml", TOML), ("sweep.yaml", YAML)])
def test_a_file_says_what_is_varied_in_toml_and_in_yaml(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)

    spec = sweeps.read(tmp_path / name)

    assert list(spec.points()) == [
        (chapter, "fast", {"learning_rate": rate}) for chapter in ("neuron", "backprop") for rate in ("0.1", "0.01")
    ]
    assert spec.seeds == [0, 3]


def test_every_value_meets_every_other_one():
    spec = SweepSpec(chapters=["a", "b"], recipes=["r", "s"], settings={"x": [True, 1], "y": ["u", "v", 0.5]})

    points = list(spec.points())

    assert len(points) == len({json.dumps(point) for point in points}) == 2 * 2 * 2 * 3
    assert points[0] == ("a", "r", {"x": "true", "y": "u"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chapters = []", "'chapters': list should have at least 1 item"),
        ("chapter = ['neuron']", "'chapters': field required"),
        ("chapters = ['neuron']\nepochs = 3", "'epochs': extra inputs are not permitted"),
        ("chapters = [", "is neither TOML nor YAML:"),
    ],
)
def test_a_file_that_is_no_sweep_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "sweep.toml").write_text(text)

    done = in_process("sweep", "sweep.toml", folder=tmp_path, check=False)

    assert done.code == 2
    assert message in done.error_line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no chapter named; expected a FILE, or --chapters"),
        (("sweep.toml", "--tracks", "torch"), "--tracks and 'sweep.toml' both say what is varied"),
        (("sweep.toml", "--set", "learning_rate=1"), "--set and 'sweep.toml' both say what is varied"),
        (("nowhere.toml",), "cannot read 'nowhere.toml': no such file or directory."),
        (("--chapters", "neuron,no_such"), "unknown chapter 'no_such'"),
        (("--chapters", "neuron", "--set", "wheels=4"), "wheels"),
        (("--resume", "."), "holds no sweep: it has no sweep.json; name a folder that 'sweep' has made."),
        (("--resume", ".", "--chapters", "neuron"), "--resume goes on with a sweep as it was begun; leave out --chap"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_swept_is_one_message_and_leaves_nothing(tmp_path: Path, words: tuple[str, ...], message: str):
    (tmp_path / "sweep.toml").write_text(TOML)

    done = in_process("sweep", *words, folder=tmp_path, check=False)

    assert done.code == 2
    assert message in done.error_line
    assert [one.name for one in tmp_path.iterdir()] == ["sweep.toml"]


def test_more_comparisons_than_anybody_reads_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="at most 500 comparisons in a sweep, found 501"):
        sweeps.named(tmp_path, [TrainingRequest("neuron", ("torch",))] * 501)


def test_a_sweep_is_its_comparisons_and_is_continued_where_it_lacks_some(tmp_path: Path, workers: WorkerPool):
    (tmp_path / "sweep.toml").write_text(TOML)

    done = in_process("sweep", "sweep.toml", *COMMON, "--json", folder=tmp_path, workers=workers)

    (folder,) = tmp_path.glob("runs/sweep_*")
    names = ["001_neuron_fast", "002_neuron_fast", "003_backprop_fast", "004_backprop_fast"]
    assert sorted(one.name for one in folder.iterdir()) == [*names, "sweep.json"]
    told = done.json()["comparisons"]
    assert [(one["chapter"], one["settings"]["learning_rate"]) for one in told] == [
        ("neuron", "0.1"), ("neuron", "0.01"), ("backprop", "0.1"), ("backprop", "0.01"),
    ]  # fmt: skip
    assert [Path(one["report"]) for one in told] == [folder / name / "report.html" for name in names]
    for one in told:
        assert [run["seed"] for run in one["runs"]] == [0, 3]
    second = folder / names[1]
    (job, _) = plan(
        TrainingRequest("neuron", ("torch",), (0, 3), settings={"learning_rate": "0.01"}, examples=256, device="cpu"),
        lambda track, seed: tmp_path / f"alone{seed}",
    )
    require_equal(read(second / "torch_seed0"), run(workers, job))

    kept = (second / "torch_seed0/record.json").stat().st_mtime_ns
    shutil.rmtree(second / "torch_seed3")
    shutil.rmtree(folder / names[2])
    again = in_process("sweep", "--resume", folder, "--json", folder=tmp_path, workers=workers)

    assert again.stderr.count(": started") == 3
    assert (second / "torch_seed0/record.json").stat().st_mtime_ns == kept
    assert [[run["test"] for run in one["runs"]] for one in again.json()["comparisons"]] == [
        [run["test"] for run in one["runs"]] for one in told
    ]


def test_the_table_has_a_row_for_each_track_of_each_comparison(tmp_path: Path, workers: WorkerPool):
    command = ("sweep", "--chapters", "neuron", "--tracks", "torch", *COMMON)
    rates = ("--set", "learning_rate=0.1", "--set", "learning_rate=0.2")

    done = in_process(*command, *rates, folder=tmp_path, workers=workers)

    rows = [line.split() for line in done.stdout.splitlines() if "_fast" in line and "report" not in line]
    assert [row[:3] for row in rows] == [
        ["001_neuron_fast", "learning_rate=0.1", "torch"],
        ["002_neuron_fast", "learning_rate=0.2", "torch"],
    ]
