"""`twotrack convert MODULE:PAIR WEIGHTS --with-optimizer`: fused weights, groups, averages, every optimizer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.optimizer_file_tasks import states_apart
from tests.support.command_line import in_process
from tests.weight_maps import optimizer_tasks as tasks
from tests.weight_maps.optimizer_tasks import Averages, Trained
from twotrack import UserError
from twotrack.shared.carrying.pairs import Carried, PairConversion, convert
from twotrack.shared.spec.optimizer_files import CARRIED, OF_TORCH
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

MODULE = "tests.weight_maps.optimizer_pairs"
NOT_EXACT = {"SGD": 2.0**-23, "Adamax": 1e-5}
"""SGD's product with the learning rate is rounded; in rows that nothing uses Adamax of torch remembers its epsilon."""
Carry = Callable[..., Carried]


@pytest.fixture
def carry(workers: WorkerPool, tmp_path: Path) -> Carry:
    """Convert a file with its optimizer to a file of the other framework."""

    def carry(path: Path, name: str, pair: str) -> Carried:
        request = VerifyRequest(name=f"{MODULE}:{pair}")
        to = "keras" if name.endswith((".h5", ".keras")) else "torch"
        asked = PairConversion(request, path, to, tmp_path / name, with_optimizer=True)
        return convert(asked, lambda _: None, workers)

    return carry


def _trained(workers: WorkerPool, task: object, track: str, out: Path, pair: str) -> Path:
    workers.call(track, task, Trained(out, pair))
    return out


def test_groups_averages_and_fused_weights_go_to_keras_and_back(carry: Carry, workers: WorkerPool, tmp_path: Path):
    """The file numbers its parameters group by group, in the order of the pair's groups."""
    start = _trained(workers, tasks.train_torch, "torch", tmp_path / "start.pt", "GROUPED")

    there = carry(start, "there.weights.h5", "GROUPED")
    back = carry(there.out, "back.pt", "GROUPED")

    assert there.is_proved, there
    assert back.is_proved, back
    assert workers.call("torch", states_apart, [start, back.out]) == 0
    assert workers.call("torch", tasks.averages_apart, Averages((start, back.out))) == 0


@pytest.mark.slow
def test_a_whole_file_of_keras_is_written_and_read(carry: Carry, workers: WorkerPool, tmp_path: Path):
    """It says itself whose state it is, and loads where there is no twotrack."""
    start = _trained(workers, tasks.train_torch, "torch", tmp_path / "start.pt", "GROUPED")

    back = carry(carry(start, "there.keras", "GROUPED").out, "back.pt", "GROUPED")

    assert back.is_proved, back
    assert workers.call("torch", tasks.averages_apart, Averages((start, back.out))) == 0


@pytest.mark.parametrize("name", ["start.keras", pytest.param("start.weights.h5", marks=pytest.mark.slow)])
def test_a_users_own_optimizer_and_the_place_in_its_schedule(
    name: str, carry: Carry, workers: WorkerPool, tmp_path: Path
):
    start = _trained(workers, tasks.train_keras, "keras:torch", tmp_path / name, "OWN")

    done = carry(start, "model.pt", "OWN")

    assert done.step
    assert done.step.is_rounding, done.step
    assert "learning rate: a schedule's, at update 3; the other file gets 0.0025" in done.notes
    assert workers.call("torch", tasks.learning_rate, done.out) == pytest.approx(0.0025)


@pytest.mark.slow
@pytest.mark.parametrize("name", CARRIED)
def test_every_optimizer_goes_to_keras_and_back(name: str, carry: Carry, workers: WorkerPool, tmp_path: Path):
    task = tasks.train_torch if name in OF_TORCH else tasks.train_by_twotrack
    start = _trained(workers, task, "torch", tmp_path / "start.pt", f"BY_{name.upper()}")

    there = carry(start, "there.weights.h5", f"BY_{name.upper()}")
    back = carry(there.out, "back.pt", f"BY_{name.upper()}")

    assert there.is_proved, there
    assert back.is_proved, back
    apart = workers.call("torch", states_apart, [start, back.out])
    assert apart <= NOT_EXACT.get(name, 0)


@pytest.mark.slow
def test_gradients_that_wait_for_an_update_go_along(carry: Carry, workers: WorkerPool, tmp_path: Path):
    start = _trained(workers, tasks.train_by_twotrack, "torch", tmp_path / "start.pt", "ACCUMULATED")

    done = carry(start, "there.weights.h5", "ACCUMULATED")

    assert done.is_proved, done


# === What is refused, in one message ===


def test_a_file_without_state_of_another_optimizer_or_of_other_weights(
    carry: Carry, workers: WorkerPool, tmp_path: Path
):
    start = _trained(workers, tasks.train_torch, "torch", tmp_path / "start.pt", "BY_ADAM")
    there = carry(start, "there.weights.h5", "BY_ADAM").out
    without = _weights_alone(there, tmp_path / "without.pt", workers)
    for path, name, pair, message in (
        (without, "out.weights.h5", "BY_ADAM", "holds no optimizer's state; leave it out"),
        (start, "out.weights.h5", "BY_ADAMAX", "expected the state of Adamax, .* found that of Adam"),
        (start, "out.weights.h5", "BY_LION", "expected the state of Lion, .* found that of Adam"),
        (there, "out.pt", "BY_ADAMAX", "expected the state of Adamax, .* found that of adam"),
        (there, "out.pt", "BY_SGD", "expected the state of SGD, .* found that of adam"),
        (start, "out.weights.h5", "GROUPED", "holds no averages of weights, which the optimizer keeps"),
        (start, "out.safetensors", "BY_ADAM", r"expected a \.pt file"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            carry(path, name, pair)
        assert len(str(caught.value).splitlines()) == 1
        assert not (tmp_path / name).exists()


def _weights_alone(path: Path, out: Path, workers: WorkerPool) -> Path:
    """Convert without the optimizer."""
    request = VerifyRequest(name=f"{MODULE}:BY_ADAM")
    return convert(PairConversion(request, path, "torch", out, proof=False), lambda _: None, workers).out


def test_the_command_says_how_far_a_further_step_is_apart(workers: WorkerPool, tmp_path: Path):
    start = _trained(workers, tasks.train_torch, "torch", tmp_path / "start.pt", "BY_NADAM")
    words = ("convert", f"{MODULE}:BY_NADAM", start, "--to", "keras")

    done = in_process(
        *words, "--out", tmp_path / "out.weights.h5", "--with-optimizer", folder=tmp_path, workers=workers, check=False
    )

    assert done.code == 0, done.stdout
    assert "momentum_decay: 0.004 in torch, 1 in Keras" in done.stdout
    assert "a further step of both sides, float64" in done.stdout
