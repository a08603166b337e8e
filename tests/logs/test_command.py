"""The command as a user meets it: tables, pages, exit codes, and what it says of bad input."""

import json
from math import hypot, sqrt
from pathlib import Path

import numpy as np
import pytest

from tests.logs.files import loss_log, losses, write_csv, write_scalars, write_trainer_state
from tests.support.command_line import Done, in_process


def run(folder: Path, *arguments: object) -> Done:
    return in_process("logs", *arguments, folder=folder, check=False)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Two logs in the folder, a.csv and b.csv, of which the second leaves the first at step 121."""
    rates = [0.1] * 120 + [0.05] * 80
    loss_log(tmp_path / "a.csv", losses(0), lr=[0.1] * 200)
    loss_log(tmp_path / "b.csv", losses(1, shift=0.6, start=120), lr=rates)
    (tmp_path / "a.yaml").write_text("optimizer: {name: adam, lr: 0.1}\nbatch_size: 64\n")
    (tmp_path / "b.yaml").write_text("optimizer: {name: sgd, lr: 0.1}\nbatch_size: 64\n")
    return tmp_path


def test_two_logs_that_part_are_told_with_the_step_and_the_settings(pair: Path):
    done = run(pair, "a.csv", "b.csv", "--config", "a.yaml", "b.yaml")

    assert done.code == 1
    assert "verdict: they part: loss from about step 1" in done.stdout
    assert "learning_rate from step 121 on (factor 0.5)" in done.stdout
    assert "configuration: 1 of 3 settings that both state differ (a.yaml against b.yaml)" in done.stdout
    assert "optimizer: optimizer.name: adam against sgd" in done.stdout


def test_json_says_the_same_and_the_page_shows_it(pair: Path):
    done = run(pair, "a.csv", "b.csv", "--json", "--report", "logs.html")

    found = json.loads(done.stdout)
    loss, rate = found["metrics"]
    assert (done.code, found["part"]) == (1, True)
    assert abs(loss["first"] - 121) <= 10
    assert loss["certain"] >= 121
    assert (rate["status"], rate["first"], rate["exact"]) == ("parts", 121.0, True)
    page = (pair / "logs.html").read_text()
    assert page.count("<svg") == 2
    assert loss["detail"] in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_logs_within_noise_end_with_0_and_say_what_would_have_shown(tmp_path: Path):
    for number in range(2):
        loss_log(tmp_path / f"{number}.csv", losses(number))

    done = run(tmp_path, "0.csv", "1.csv")

    assert done.code == 0
    assert "verdict: no difference beyond noise" in done.stdout
    assert "would have" in done.stdout


def test_formats_meet_each_other(tmp_path: Path):
    """One training, once as event files of every step, once as Hugging Face's rounded means of ten."""
    values = losses(0)
    write_scalars(tmp_path / "events", {"train/loss": values})
    write_trainer_state(tmp_path / "hf", values)

    done = run(tmp_path, "events", "hf", "--json")

    (found,) = done.json()["metrics"]
    assert (found["metric"], found["points"], found["along"]) == ("loss", 20, "step")
    assert found["notes"] == ["the first, logged at other points, is averaged over the steps between"]
    assert found["status"] == "within noise"
    assert abs(found["difference"]) < 1e-4


def test_repeated_trainings_are_compared_with_the_spread_between_them(tmp_path: Path):
    names = {}
    for side, shift in (("a", 0.0), ("b", 0.0), ("c", 0.3)):
        names[side] = [f"{side}{seed}.csv" for seed in range(3)]
        for seed, name in enumerate(names[side]):
            own = 0.02 * np.random.default_rng([seed, ord(side)]).normal()
            loss_log(tmp_path / name, losses(seed + ord(side), shift=shift + own, start=0 if side != "c" else 100))

    def compared(other: str) -> Done:
        return run(tmp_path, *names["a"], *(word for name in names[other] for word in ("--against", name)), "--json")

    alike, apart = compared("b"), compared("c")

    assert (alike.code, alike.json()["metrics"][0]["status"]) == (0, "within noise")
    (found,) = apart.json()["metrics"]
    assert (apart.code, found["status"]) == (1, "parts")
    assert found["first"] in {100, 101}
    of_runs, of_steps = 0.02 * sqrt(2 / 3), 0.1 * sqrt(2 / 300)  # standard errors of three runs of 100 steps each
    assert found["difference"] == pytest.approx(0.3, abs=4 * hypot(of_runs, of_steps))


def test_the_luck_of_a_seed_is_not_taken_for_a_difference_of_repeated_trainings(tmp_path: Path):
    """Each run is off by a constant of its own, which is as large within a side as between the sides."""
    alarms = 0
    for trial in range(10):
        for number in range(6):
            own = 0.3 * np.random.default_rng([trial, number]).normal()
            loss_log(tmp_path / f"{number}.csv", losses(100 * trial + number, shift=own, spread=0.01))
        alarms += run(tmp_path, *(f"{n}.csv" for n in range(3)), *against(3, 4, 5)).code

    assert alarms <= 1


def against(*numbers: int) -> list[str]:
    return [word for number in numbers for word in ("--against", f"{number}.csv")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.csv",), "expected two logs, found 1; name two, or the repetitions of one side"),
        (("a.csv", "absent.csv"), "'absent.csv' does not exist; expected one of: TensorBoard"),
        (("a.csv", "other.csv"), "the logs have no metric in common: the first log has: loss, lr; the second log has"),
        (("a.csv", "b.csv", "--metric", "los"), "unknown metric of the first log 'los': did you mean 'loss'?"),
        (("a.csv", "b.csv", "--along", "epoch"), "--along epoch needs a column epoch in both logs"),
        (("a.csv", "b.csv", "--false-alarms", "2"), "--false-alarms: expected a rate between 0 and 0.5, found 2."),
        (("a.csv", "b.csv", "--config", "a.yaml", "absent.yaml"), "'absent.yaml' does not exist; expected a file of"),
        (("a.csv", "b.csv", "--report", "absent/x.html"), "cannot write to the output folder 'absent'"),
        (("a.csv", "--against", "b.csv", "--against", "other.csv"), "the logs have no metric in common"),
        (("a.csv", "--against", "a.csv", "--against", "b.csv"), "1 runs against 2: the spread between runs needs at"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(pair: Path, arguments: tuple[str, ...], message: str):
    write_csv(pair / "other.csv", {"step": [1, 2], "x": [1.0, 2.0]})
    before = sorted(pair.iterdir())

    done = run(pair, *arguments)

    assert (done.code, done.stdout) == (2, "")
    assert done.error_line.removeprefix("error: ").startswith(message)
    assert sorted(pair.iterdir()) == before


def test_too_few_points_are_undecided_in_the_verdict_too(tmp_path: Path):
    for number in range(2):
        loss_log(tmp_path / f"{number}.csv", losses(number, points=5))

    done = run(tmp_path, "0.csv", "1.csv")

    assert done.code == 0
    assert "verdict: undecided: no metric has enough independent points" in done.stdout
