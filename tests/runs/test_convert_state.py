"""The state of torch's and of Keras' own optimizers in files, from one framework to the other and back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runs import optimizer_file_tasks as tasks
from tests.runs.optimizer_file_tasks import Trained
from twotrack.shared.errors import UserError
from twotrack.shared.runs import convert as converting
from twotrack.shared.runs.convert import ConversionRequest, Converted, convert
from twotrack.shared.workers.pool import WorkerPool

NAMES = {
    "Adam": "adam",
    "SGD": "momentum",
    "AdamW": "adamw",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Adamax": "adamax",
    "Nadam": "nadam",
    "Lion": "lion",
    "Sophia": "sophia",
    "Lamb": "lamb",
    "Adafactor": "adafactor",
    "Muon": "muon",
}
"""By class, what --set optimizer calls it. torch has no Lion and those after it: the file is of twotrack's own."""
FEW = ("Adam", "SGD", "Adafactor")
Run = Callable[..., Converted]


@pytest.fixture
def run(workers: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Convert in the session's workers, Keras on PyTorch."""
    monkeypatch.setattr(converting, "_track", lambda family: "torch" if family == "torch" else "keras:torch")

    def run(weights: Path, to: str, out: Path, **settings: str) -> Converted:
        request = ConversionRequest(weights, "churn_mlp", {"hidden_size": "8", **settings}, to, out, True)
        return convert(request, lambda _: None, workers)

    return run


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in FEW else pytest.mark.slow) for one in NAMES])
def test_from_torch_to_keras_and_back(name: str, run: Run, workers: WorkerPool, tmp_path: Path):
    """A further step, by the frameworks' own optimizers, is the same; the numbers come back as they were."""
    start, there, back = tmp_path / "start.pt", tmp_path / "there.weights.h5", tmp_path / "back.pt"
    workers.call("torch", tasks.train_torch, Trained(start, name))
    settings = {"optimizer": NAMES[name]}

    first = run(start, "keras", there, **settings)
    second = run(there, "torch", back, **settings)

    for done in (first, second):
        assert done.step
        assert done.step.is_rounding, done.step
    assert [note.partition(":")[0] for note in first.notes] == {
        "SGD": ["updates"],
        "Nadam": ["momentum_decay"],
    }.get(name, [])
    apart = workers.call("torch", tasks.states_apart, [start, back])
    assert apart <= (2.0**-23 if name == "SGD" else 0), "only a product with the learning rate is rounded"


def test_from_a_compiled_model_of_keras(run: Run, workers: WorkerPool, tmp_path: Path):
    """A .keras file says itself whose state it is."""
    workers.call("keras:torch", tasks.train_keras, Trained(tmp_path / "start.keras", "Adam"))

    done = run(tmp_path / "start.keras", "torch", tmp_path / "model.pt")

    assert done.step
    assert done.step.is_rounding, done.step
    found = workers.call("torch", tasks.told, tmp_path / "model.pt")
    assert found == {"steps": 3, "lr": pytest.approx(0.02), "beta_1": 0.8, "slots": 6}


def test_a_state_that_is_carried_wrong_fails_the_proof(
    run: Run, workers: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The target is written from other numbers than the source holds."""
    start = tmp_path / "start.pt"
    workers.call("torch", tasks.train_torch, Trained(start, "Adam"))
    honest = WorkerPool.call

    def with_fault(pool: WorkerPool, track: str | None, task: Any, request: Any, *rest: Any) -> Any:
        if task.__name__ == "write_training":
            tasks.double_the_velocity(request.state)
        return honest(pool, track, task, request, *rest)

    monkeypatch.setattr(WorkerPool, "call", with_fault)
    done = run(start, "keras", tmp_path / "there.weights.h5")

    assert done.step
    assert done.step.size > 0.01
    assert not done.step.is_rounding


# === What is refused, in one message ===


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no state", "holds no optimizer's state; leave it out"),
        ("groups", "groups of 2 and 4 parameters and no names, .* has no groups; make it with"),
        ("fewer parameters", "its optimizer has 3 parameters, the model 6"),
        ("another shape", r"exp_avg of parameter 0 has the shape \(7, 40\), .* has \(8, 40\); is it another model's"),
        ("another count", "parameters have done 3 to 9 updates; Keras has one count"),
        ("unknown", "expected the state of one of SGD, RMSprop, Adam, .*, found trace"),
        ("code", "would run code when loaded"),
    ],
)
def test_what_cannot_be_carried_is_refused(change: str, message: str, run: Run, workers: WorkerPool, tmp_path: Path):
    workers.call("torch", tasks.train_torch, Trained(tmp_path / "start.pt", "Adam", change))

    with pytest.raises(UserError, match=message) as caught:
        run(tmp_path / "start.pt", "keras", tmp_path / "there.weights.h5")

    assert len(str(caught.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["start.pt"], "nothing half-written"


def test_another_optimizer_than_the_files_is_refused(run: Run, workers: WorkerPool, tmp_path: Path):
    start, there = tmp_path / "start.pt", tmp_path / "there.weights.h5"
    workers.call("torch", tasks.train_torch, Trained(start, "Adam"))
    run(start, "keras", there)

    with pytest.raises(UserError, match=r"expected the state of SGD, .* found that of adam; name the file"):
        run(there, "torch", tmp_path / "back.pt", optimizer="momentum")


def test_a_safetensors_file_has_no_place_for_it(run: Run, tmp_path: Path):
    (tmp_path / "start.pt").write_bytes(b"")

    with pytest.raises(UserError, match=r"expected a \.pt file, which can hold the optimizer's state"):
        run(tmp_path / "start.pt", "torch", tmp_path / "out.safetensors")
