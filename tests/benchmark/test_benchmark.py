"""A benchmark: who takes part, what a turn measures with a tiny budget, what is said of it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.benchmark import benchmark_tasks
from tests.benchmarks import tables
from tests.support.turns import quickest_alone
from twotrack.shared import chapters
from twotrack.shared.benchmark import measure, tasks, text
from twotrack.shared.benchmark.measure import BenchmarkRequest, contestants
from twotrack.shared.benchmark.records import Benchmark, Contestant, Interval, Pace, Trial, named_form, read
from twotrack.shared.benchmark.tasks import Asked
from twotrack.shared.errors import UserError
from twotrack.shared.report.benchmark import write_page
from twotrack.shared.spec.scripts import SCRIPTED
from twotrack.shared.spec.tuning import AS_IT_IS, BY_DEFAULT
from twotrack.shared.workers.pool import WorkerPool

TORCH = Contestant(name="torch fast", track="torch", form="run", recipe="fast", tuning=BY_DEFAULT["torch"])
PLAIN = TORCH.model_copy(update={"name": "torch fast plain", "form": "plain", "tuning": AS_IT_IS})
SCRIPT = Contestant(name="torch script", track="torch", form="script", recipe="")


def asked(contestant: Contestant, **changes: object) -> Asked:
    return Asked("mnist_cnn", contestant, 0, "cpu", 2, **{"examples": 640, **changes})  # type: ignore[arg-type]


# === Who takes part ===


def test_every_track_is_there_as_a_learner_writes_it_as_a_run_does_it_and_with_less_and_more_switched_on():
    found = contestants(BenchmarkRequest("mnist_cnn", ("keras:tensorflow", "torch"), ("fast", "sprint")))

    assert [(one.name, one.tuning.words) for one in found] == [
        ("torch script", "as it is"),
        ("keras:tensorflow script", "as it is"),
        ("keras:tensorflow fast plain", "as it is"),
        ("keras:tensorflow fast", "several steps"),
        ("keras:tensorflow fast tuned", "several steps, xla"),
        ("keras:tensorflow sprint plain", "as it is"),
        ("keras:tensorflow sprint", "several steps"),
        ("keras:tensorflow sprint tuned", "several steps, xla"),
        ("torch fast plain", "as it is"),
        ("torch fast", "channels last, fused, pool first, unfilled, kept memory"),
        ("torch sprint plain", "as it is"),
        ("torch sprint", "channels last, fused, pool first, unfilled, kept memory"),
    ]


def test_only_the_forms_that_are_asked_for_take_part_beside_the_baseline():
    asked = BenchmarkRequest("mnist_cnn", ("keras:tensorflow",), ("sprint",), forms=("run", "tuned"))

    assert [one.name for one in contestants(asked)] == [
        "torch script",
        "keras:tensorflow sprint",
        "keras:tensorflow sprint tuned",
    ]
    with pytest.raises(UserError, match="unknown form 'tune': did you mean 'tuned'"):
        named_form("tune")


def test_a_recipe_takes_part_once_in_each_precision_that_is_asked_for():
    asked = BenchmarkRequest("mnist_cnn", ("keras:jax",), ("sprint",), precisions=("float32", "bfloat16"))

    assert [(one.name, one.precision) for one in contestants(asked) if one.form == "run"] == [
        ("keras:jax sprint", "float32"),
        ("keras:jax sprint bfloat16", "bfloat16"),
    ]


def test_the_baseline_is_there_whatever_tracks_are_asked_for():
    assert [one.name for one in contestants(BenchmarkRequest("mnist_cnn", ("keras:torch",)))][:2] == [
        "torch script",
        "keras:torch script",
    ]


def test_a_chapter_without_a_script_has_none():
    found = contestants(BenchmarkRequest("neuron", ("keras:jax",)))

    assert [one.name for one in found] == ["keras:jax fast plain", "keras:jax fast"]


def test_each_round_is_begun_by_another_one():
    turns = [[one.name for one in measure._turned([SCRIPT, PLAIN, TORCH], number)] for number in range(4)]

    assert [turn[0] for turn in turns] == ["torch script", "torch fast plain", "torch fast", "torch script"]
    assert {frozenset(turn) for turn in turns} == {frozenset(turns[0])}


@pytest.mark.parametrize("changes", [{"rounds": 0}, {"steps": 0}])
def test_less_than_one_round_or_step_is_refused(changes: dict[str, int]):
    with pytest.raises(UserError, match="expected at least 1 round and 1 step"):
        measure.measure(BenchmarkRequest("neuron", ("torch",), **changes), lambda step: None)


@pytest.mark.parametrize("target", [0.0, 1.0, 99.0])
def test_a_target_that_is_no_score_is_refused(target: float):
    with pytest.raises(UserError, match=r"--to \d+: expected a score between 0 and 1"):
        measure.measure(BenchmarkRequest("neuron", ("torch",), target=target), lambda step: None)


# === A turn ===


@pytest.mark.parametrize("contestant", [TORCH, SCRIPT], ids=lambda one: one.form)
def test_a_turn_times_the_steps_that_were_asked_for(workers: WorkerPool, contestant: Contestant):
    found = workers.call("torch", tasks.pace, asked(contestant))

    assert found.steps == 2
    assert found.seconds > 0
    assert found.batch_size == (64 if contestant is SCRIPT else 32)
    assert found.peak_memory > 2**20


@pytest.mark.parametrize("track", quickest_alone())
def test_the_script_of_keras_learns_on_every_backend(track: str):
    """In a process of its own, which it leaves as a learner would. It is one script; backends differ in their names."""
    script = SCRIPT.model_copy(update={"name": f"{track} script", "track": track})
    with WorkerPool("cpu") as own:
        found = own.call(track, tasks.pace, asked(script))
        trial = own.call(track, tasks.reach, asked(script, examples=1280, target=0.3))

    assert (found.steps, found.batch_size) == (2, 64)
    assert 0.3 < trial.score < 0.99


def test_every_track_has_the_scripts_that_are_promised(workers: WorkerPool):
    for track in ("torch", "keras:torch"):
        assert workers.call(track, benchmark_tasks.scripted, track) == list(SCRIPTED)


@pytest.mark.parametrize(("target", "epochs"), [(0.0, 1), (0.6, 3), (0.99, 5), (None, 1)])
def test_a_script_trains_until_it_is_at_the_target_or_five_epochs(
    monkeypatch: pytest.MonkeyPatch, target: float | None, epochs: int
):
    """With a script that learns 0.2 more in each epoch of 2 seconds."""
    labels = chapters.get("mnist_cnn").data().test.labels

    def script(asked: Asked, most_steps: int | None) -> Iterator[SimpleNamespace]:
        for number in count(1):
            right = np.arange(len(labels)) < number * len(labels) // 5
            logits = np.eye(10)[np.where(right, labels, (labels + 1) % 10)]
            yield SimpleNamespace(seconds=2.0, predict=lambda images, logits=logits: logits)

    monkeypatch.setattr(tasks, "_script", script)
    found = tasks.reach(asked(SCRIPT, target=target), lambda *_: None)

    assert found.seconds == 2.0 * epochs
    assert found.score == pytest.approx(0.2 * epochs)


def test_a_run_is_scored_on_the_test_split(workers: WorkerPool):
    found = workers.call("torch", tasks.reach, asked(TORCH))

    assert 0.2 < found.score < 0.99
    assert found.seconds > 0


def test_operations_are_those_of_the_layers(workers: WorkerPool):
    """Twice the products of two convolutions and two dense layers; backward twice as many, but for the first inputs."""
    forward = [28 * 28 * 32 * 9, 14 * 14 * 64 * 32 * 9, 3136 * 128, 128 * 10]

    found = workers.call("torch", tasks.operations, asked(TORCH))

    assert found == pytest.approx(2 * (3 * sum(forward) - forward[0]), rel=1e-6)


# === What is said ===


def made(target: float | None) -> Benchmark:
    one = Interval(mean=2000.0, low=1900.0, high=2100.0)
    trials = {
        "torch script": [Trial(seed=seed, score=0.99, seconds=30.0 + seed) for seed in (0, 1)],
        "torch fast": [Trial(seed=seed, score=0.992, seconds=6.0) for seed in (0, 1)],
        "torch fast plain": [Trial(seed=seed, score=0.98, seconds=3.0) for seed in (0, 1)],
    }
    return Benchmark(
        chapter="mnist_cnn",
        metric="accuracy",
        steps=50,
        rounds=2,
        matmul=8e10,
        paces=[
            Pace(contestant=TORCH, batch_size=64, rounds=[1.0], examples_per_second=one, peak_memory=2**29,
                 share_of_peak=0.25)
        ],
        target=target,
        reached=measure._reached([SCRIPT, TORCH, PLAIN], trials, target) if target else [],
        device="cpu",
        command=["twotrack", "benchmark", "mnist_cnn"],
        environment={"processor": "a <processor>", "cores": 2, "packages": {"torch": "2.13.0"}},
    )  # fmt: skip


def test_only_those_at_the_target_are_compared_with_the_script():
    ratios = {one.contestant.name: one.times_as_fast for one in made(0.99).reached}

    assert ratios["torch fast"] == pytest.approx(30.5 / 6)
    assert ratios["torch fast plain"] is None
    assert not any(one.times_as_fast for one in made(0.995).reached)


def test_the_text_says_what_was_measured():
    said = text.text(made(0.99))

    assert (
        "torch fast  float32    channels last, fused, pool first, unfilled, kept memory  2,000 [1,900, 2,100]  25%"
        in said
    )
    assert "0.9920 [0.9920, 0.9920]" in said
    assert said.endswith("2 rounds of 50 steps, in turns; the machine multiplies matrices with 80 GFLOP/s in float32")


def test_the_tables_are_markdown():
    (paces,) = text.tables(made(None)).split("\n\n")

    assert paces.splitlines()[1] == "| --- | --- | --- | --- | --- | --- |"


def test_the_text_says_what_a_run_switches_on_by_itself():
    assert f"torch: a run switches on {BY_DEFAULT['torch'].words}" in text.text(made(None))


def test_a_page_shows_every_contestant_and_the_command(tmp_path: Path):
    page = write_page(made(0.99), tmp_path / "page.html").read_text()

    for said in ("torch script", "torch fast plain", "twotrack benchmark mnist_cnn", "a &lt;processor&gt;", "<svg"):
        assert said in page


def test_what_was_measured_is_read_again_as_it_was(tmp_path: Path):
    (tmp_path / "benchmark.json").write_text(made(0.99).model_dump_json())

    assert read(tmp_path / "benchmark.json") == made(0.99)


@pytest.mark.parametrize("content", [b"{}", b"[1", b"\xff"])
def test_anything_else_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "other.json").write_bytes(content)

    with pytest.raises(UserError, match=r"other.json' is not what 'benchmark --out' writes"):
        read(tmp_path / "other.json")


def test_the_page_of_the_documentation_gets_the_tables_between_its_marks(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{tables.START}\nold\n{tables.END}\nbehind\n")

    tables.fill(page, made(0.99))

    filled = page.read_text()
    assert filled.startswith("before\n")
    assert filled.endswith(f"{tables.END}\nbehind\n")
    assert "old" not in filled
    assert "| torch fast | 0.9920" in filled
    assert "`twotrack benchmark mnist_cnn`" in filled
