"""A pair on weights and inputs of the user's own: every format, both sides' files, and what drawn values would hide."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.sides import files, own_pairs
from tests.sides.climbing import climb
from tests.support.ladders import SharedLadder
from twotrack.shared.errors import UserError
from twotrack.shared.workers.pool import WorkerPool

MIXED, KERAS = "own_pairs:MIXED", ("keras:torch",)
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def written(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return what writes one model's weights as a file, by the framework whose file it is."""
    folder = tmp_path_factory.mktemp("weights")

    def write(name: str) -> Path:
        track = "keras:torch" if name.endswith((".keras", ".h5")) else "torch"
        return workers.call(track, files.write, folder / name)

    return write


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    np.savez(tmp_path / "own.npz", **own_pairs.batches())
    return tmp_path / "own.npz"


def test_a_pair_is_the_same_on_real_weights_and_inputs_and_the_certificate_says_so(
    ladder: SharedLadder, written: Write, inputs: Path
) -> None:
    result, text = climb(ladder, MIXED, KERAS, weights={"": written("own.pt")}, inputs=inputs)
    assert (result.passed, result.rungs[-1].rung) == (True, "training")
    assert result.certificate.own == "your weights and your inputs"
    on_own = {rung.rung for rung in result.rungs if rung.detail.endswith("on your weights and your inputs")}
    assert on_own == {"forward", "gradients", "training"}
    assert "  on your weights and your inputs, and on drawn values\n" in text


@pytest.mark.parametrize("name", ["own.pt", "own.pth", "own.safetensors", "own.keras", "own.weights.h5"])
def test_both_sides_start_with_the_values_of_a_file_of_either(ladder: SharedLadder, written: Write, name: str) -> None:
    result, _ = climb(ladder, MIXED, KERAS, until="forward", weights={"": written(name)})
    assert result.passed
    assert result.certificate.own == "your weights"
    assert dict(result.certificate.ranges) is not None


def test_two_files_of_equal_values_are_one_model_and_of_other_values_not(ladder: SharedLadder, written: Write) -> None:
    equal = {"torch": written("own.pt"), "keras": written("own.keras")}
    assert climb(ladder, MIXED, KERAS, until="parameters", weights=equal)[0].passed
    other = {"torch": written("other.pt"), "keras": written("own.keras")}
    result, _ = climb(ladder, MIXED, KERAS, until="training", weights=other)
    assert (result.passed, result.rungs[-1].rung, result.rungs[-1].where) == (False, "parameters", "head.bias")
    assert "'head.bias' has other values in the two files, by 1.0e-03" in result.rungs[-1].detail


def test_inputs_show_what_no_drawn_batch_holds(ladder: SharedLadder, inputs: Path) -> None:
    assert climb(ladder, "own_pairs:TWO_OF_TORCH", until="forward")[0].passed
    result, _ = climb(ladder, "own_pairs:TWO_OF_TORCH", until="forward", inputs=inputs)
    assert (result.passed, result.rungs[-1].rung) == (False, "forward")


def test_weights_that_hide_a_difference_hide_it_from_no_verdict(ladder: SharedLadder, written: Write) -> None:
    weights = {"": written("zeros.pt")}
    assert climb(ladder, "own_pairs:GRADIENT_STOPPED", until="forward", weights=weights)[0].passed
    result, _ = climb(ladder, "own_pairs:GRADIENT_STOPPED", until="gradients", weights=weights)
    assert (result.passed, result.rungs[-1].rung) == (False, "gradients")
    assert result.rungs[-1].detail.startswith("on drawn weights and inputs, the gradient of 'hidden.")


def test_inputs_come_from_a_function_of_the_pairs_module(ladder: SharedLadder) -> None:
    result, _ = climb(ladder, "own_pairs:BY_FUNCTION", KERAS, until="forward")
    assert (result.passed, result.certificate.own) == (True, "your inputs")


def test_a_function_of_inputs_that_fails_is_named_with_its_error(ladder: SharedLadder) -> None:
    with pytest.raises(UserError, match="inputs=failing failed: FileNotFoundError: no data here"):
        climb(ladder, "own_pairs:BROKEN_FUNCTION", KERAS, until="forward")


def test_paths_of_a_pair_are_relative_to_its_module(ladder: SharedLadder) -> None:
    with pytest.raises(UserError, match=rf"expected weights in '{Path(__file__).parent}/no_such_file.pt'"):
        climb(ladder, "own_pairs:NAMED_FILES", KERAS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan.pt", r"nan.pt': 'head.bias': expected finite numbers, found 1 of 2"),
        ("missing.pt", r"missing.pt': the weights in '.*' do not fit the torch model; missing from .*: head.bias"),
        ("misshapen.pt", r"misshapen: head.bias \(2,\) in the torch model, \(3,\)"),
        ("integers.pt", r"'head.bias' is torch.int64, the torch model has torch.float32"),
        ("code.pt", r"would run code when loaded"),
        ("noise.pt", r"is damaged or no torch checkpoint"),
        ("noise.safetensors", r"is damaged or no torch checkpoint"),
        ("noise.keras", r"is no readable Keras file"),
        ("noise.weights.h5", r"is no readable Keras file"),
        ("foreign.weights.h5", r"foreign.weights.h5': .* do not fit the Keras model"),
    ],
)
def test_a_file_that_is_not_the_models_is_one_message_and_runs_nothing(
    ladder: SharedLadder, written: Write, name: str, message: str
) -> None:
    path = written(name)
    with pytest.raises(UserError, match=message):
        climb(ladder, MIXED, KERAS, until="forward", weights={"": path})
    assert not path.with_name("ran").exists()
