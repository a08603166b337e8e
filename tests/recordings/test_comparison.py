"""Two recordings are compared rung by rung; planted differences are named, and what is not held is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.recordings.made import Network
from tests.support.command_line import in_process
from twotrack.shared.recordings.comparison import Compared, compare_folders
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.result import GapKind, RungResult

KERAS, TORCH = Network("keras"), Network("torch")


def compared(tmp_path: Path, one: Network, other: Network, change=lambda manifest: None) -> Compared:
    return compare_folders(one.record(tmp_path / "one"), other.record(tmp_path / "other", change))


def failure(found: Compared) -> RungResult:
    last = found.result.rungs[-1]
    assert not last.passed
    return last


def test_one_model_in_two_styles_passes_every_rung_that_is_held(tmp_path: Path):
    found = compared(tmp_path, TORCH, KERAS)

    assert [rung.rung for rung in found.result.rungs] == [
        "data",
        "parameters",
        "forward",
        "loss",
        "gradients",
        "training",
    ]
    assert found.result.passed
    assert found.result.certificate.counts == {
        "weights": 3,
        "values": 40,
        "outputs": 1,
        "layers": 3,
        "gradients": 3,
        "training steps": 3,
    }
    assert {gap.where for gap in found.result.certificate.gaps} == {"dropout", "range", "pieces", "optimizer"}


def test_a_layer_that_differs_is_named_by_its_weights_although_no_name_is_the_same(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, replace(KERAS, shift=1e-9)))

    assert (failed.rung, failed.where, failed.layer_inputs_agree) == ("forward", "fc", True)
    assert "First against Fc" in failed.detail


def test_other_weights_are_named(tmp_path: Path):
    failed = failure(compared(tmp_path, KERAS, replace(KERAS, seed=5)))

    assert (failed.rung, failed.where) == ("parameters", "first.kernel")
    assert "weights of one name differ in their values: 'first.kernel' by" in failed.detail


def test_weights_without_names_and_values_in_common_are_no_pair(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, replace(KERAS, seed=5)))

    assert failed.rung == "parameters"
    assert "are in 'one' only" in failed.detail
    assert "are in 'other' only" in failed.detail


def test_a_learning_rate_is_found_in_its_step(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, replace(KERAS, rates={2: 0.1001})))

    assert failed.rung == "training"
    assert failed.detail.startswith("step 2: ")


@pytest.mark.parametrize("steps", [1, 3])
def test_an_optimizer_is_found_in_the_first_step(tmp_path: Path, steps: int):
    failed = failure(compared(tmp_path, replace(TORCH, steps=steps), replace(KERAS, steps=steps, rate=0.1 + 1e-7)))

    assert failed.rung == "training"
    assert failed.detail.startswith("step 1: ")


def test_sides_that_part_slowly_are_an_exception_and_no_failure(tmp_path: Path):
    """Rounding that grows looks like this; a recording cannot be run again to tell."""

    def grow(manifest: dict[str, Any]) -> None:
        for number, step in enumerate(manifest["steps"]):
            step["loss"] *= 1 + 1e-15 * 50.0**number

    found = compared(tmp_path, replace(TORCH, steps=6), replace(KERAS, steps=6), grow)

    assert found.result.passed
    assert GapKind.ROUNDING in {gap.kind for gap in found.result.certificate.gaps}


def test_a_wrong_gradient_is_named(tmp_path: Path):
    def swap(manifest: dict[str, Any]) -> None:
        gradients, weights = manifest["steps"][0]["gradients"], manifest["steps"][0]["weights"]
        gradients["first.bias"], weights["first.bias"] = weights["first.bias"], gradients["first.bias"]

    failed = failure(compared(tmp_path, TORCH, KERAS, swap))

    assert (failed.rung, failed.where) == ("gradients", "fc.bias")


def test_a_gradient_on_one_side_only_is_named(tmp_path: Path):
    def move(manifest: dict[str, Any]) -> None:
        key = manifest["steps"][0]["gradients"].pop("first.bias")
        manifest["steps"][0]["outputs"] = [{"name": "", "tensor": key}]

    failed = failure(compared(tmp_path, TORCH, KERAS, move))

    assert (failed.rung, failed.where) == ("gradients", "fc.bias")


def test_a_wrong_loss_is_named(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, KERAS, lambda m: m["steps"][0].update(loss=0.5)))

    assert failed.rung == "loss"


def test_a_loss_of_nan_fails(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, KERAS, lambda m: m["steps"][0].update(loss=float("nan"))))

    assert (failed.rung, failed.difference) == ("loss", np.inf)


def test_other_inputs_are_no_question_of_the_model(tmp_path: Path):
    failed = failure(compared(tmp_path, TORCH, replace(KERAS, data=2)))

    assert failed.rung == "data"
    assert failed.detail.startswith("inputs 1: 30 of 30 values differ")


def test_outputs_that_no_names_pair_are_paired_by_their_values(tmp_path: Path):
    def twice(first: str, second: str, turned: bool):
        def change(manifest: dict[str, Any]) -> None:
            keys = [manifest["calls"][place]["outputs"][0] for place in ((0, 1) if turned else (1, 0))]
            pairs = zip((first, second), keys, strict=True)
            manifest["targets"] = manifest["outputs"]
            manifest["outputs"] = [{"name": name, "tensor": key} for name, key in pairs]

        return change

    one = TORCH.record(tmp_path / "one", twice("hidden", "pooled", False))
    found = compare_folders(one, KERAS.record(tmp_path / "other", twice("sequence", "states", True)))

    assert found.result.passed
    assert found.result.certificate.counts["outputs"] == 2


def test_float32_says_what_it_hides(tmp_path: Path):
    found = compared(tmp_path, replace(TORCH, dtype="float32"), replace(KERAS, dtype="float32", shift=1e-5))
    hidden = [gap for gap in found.result.certificate.gaps if gap.kind is GapKind.PRECISION]

    assert found.result.passed
    assert [gap.where for gap in hidden] == ["forward", "loss", "gradients", "training"]
    assert hidden[0].detail.startswith("recorded in float32, which hides differences below 5e-04; the largest is ")


def test_float32_against_float64_is_judged_as_float32(tmp_path: Path):
    def round_weights(manifest: dict[str, Any]) -> None:
        manifest["precision"] = "float32"

    found = compared(tmp_path, TORCH, KERAS, round_weights)

    assert found.result.passed
    assert found.result.rungs[2].limit == pytest.approx(1e-12 * 2**29)


def test_float32_does_not_hide_what_is_larger(tmp_path: Path):
    failed = failure(compared(tmp_path, replace(TORCH, dtype="float32"), replace(KERAS, dtype="float32", shift=0.01)))

    assert (failed.rung, failed.where) == ("forward", "fc")


def test_float16_is_not_compared(tmp_path: Path):
    found = compared(tmp_path, TORCH, KERAS, lambda manifest: manifest.update(precision="float16"))

    assert found.result.passed
    assert {"forward", "gradients", "training"} <= {gap.where for gap in found.result.certificate.gaps}


def test_dropout_at_random_is_not_compared(tmp_path: Path):
    found = compared(tmp_path, TORCH, KERAS, lambda manifest: manifest.update(dropout={"drop": 0.5}))
    gaps = {gap.where: gap.detail for gap in found.result.certificate.gaps}

    assert [rung.rung for rung in found.result.rungs] == ["data", "parameters", "forward"]
    assert (
        gaps["gradients"] == "not climbed: 'drop' drops 0.5 in training, at random on each side; record with rates of 0"
    )


def test_recordings_that_have_nothing_in_common_do_not_pass(tmp_path: Path):
    def only_targets(manifest: dict[str, Any]) -> None:
        kept = [weight["tensor"] for weight in manifest["weights"]]
        kept += [key for call in manifest["calls"] for key in (*call["inputs"], *call["outputs"])]
        manifest["targets"] = [{"name": "", "tensor": key} for key in kept]
        for name in ("weights", "inputs", "outputs", "calls"):
            manifest[name] = []

    failed = failure(compared(tmp_path, KERAS, replace(KERAS, steps=0), only_targets))

    assert failed.detail.startswith("the recordings have nothing in common to compare")


def test_a_side_without_steps_says_what_was_not_climbed(tmp_path: Path):
    found = compared(tmp_path, TORCH, replace(KERAS, steps=0))

    assert found.result.passed
    assert {"loss", "gradients", "training"} <= {gap.where for gap in found.result.certificate.gaps}


def test_an_output_with_channels_elsewhere_is_compared_in_one_order(tmp_path: Path):
    """Of a value whose axes cannot be told apart by their sizes, too."""
    from twotrack.shared.recordings.traces import in_order_of

    last = np.random.default_rng(0).normal(size=(2, 3, 3, 3))
    np.testing.assert_array_equal(in_order_of(last, last.transpose(0, 3, 1, 2)), last)
    np.testing.assert_array_equal(in_order_of(last.transpose(0, 3, 1, 2), last), last.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(("shift", "code"), [(0.0, 0), (1e-6, 1)])
def test_the_command_compares_and_ends_with_the_verdict(tmp_path: Path, shift: float, code: int):
    for name, network in (("torch", TORCH), ("keras", replace(KERAS, shift=shift))):
        network.record(tmp_path / name)
    done = in_process("verify", "torch", "keras", "--report", "page.html", folder=tmp_path, check=False)

    assert done.code == code, done.stderr
    assert done.stdout.startswith("torch against keras\n  pass  data ")
    assert ("layer 'fc' (First against Fc) differs" in done.stdout) == bool(code)
    assert "torch against keras" in (tmp_path / "page.html").read_text()


def test_the_command_prints_json(tmp_path: Path):
    for name, network in (("torch", TORCH), ("keras", KERAS)):
        network.record(tmp_path / name)
    done = in_process("verify", "torch", "keras", "--json", "--strict", folder=tmp_path, check=False)

    assert done.code == 3
    assert done.json()["tracks"][0]["verdict"] == "PASS, except"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "nowhere", "here"), "'nowhere' is no folder"),
        (("verify", "here", "here", "--recording", "here"), "not both"),
        (("verify", "mnist_cnn", "--rename", "a=b"), "--rename is for recordings"),
        (("verify", "here", "here", "--rename", "a={i}"), "--rename: expected OLD=NEW"),
        (("verify", "here", "here", "--until", "foward"), "unknown rung 'foward'"),
        (("verify", "mnist_cnn", "--recording", "here"), "expected module:NAME"),
        (("record",), "name what to record and where"),
        (("record", "a:B"), "name what to record and where"),
        (("record", "ab", "--out", "x"), "expected module:NAME"),
        (("record", "a:B", "--out", "here"), "is there already"),
        (("record", "a:B", "--out", "no/where"), "is no folder; make it first"),
        (("record", "a:B", "--out", "x", "--precision", "float16"), "--precision: expected float64 or float32"),
        (("record", "a:B", "--out", "x", "--loss", "mse"), "--loss: expected one of"),
        (("record", "a:B", "--out", "x", "--track", "torhc"), "unknown track 'torhc'"),
        (("record", "a:B", "--out", "x", "--input-shape", "28,x"), "--input-shape: expected sizes"),
        (("record", "a:B", "--out", "x", "--input-shape", "8:word"), "--input-shape: expected sizes"),
        (("record", "--standalone", "here"), "is there already"),
    ],
)
def test_bad_input_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str):
    KERAS.record(tmp_path / "here")
    done = in_process(*arguments, folder=tmp_path, check=False)

    assert done.code == 2, done.stderr
    assert message in done.error_line
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def stating(kind: str, optimizer: str, **settings: Any) -> Any:
    """Return what changes a manifest so that its first layer and its optimizer state something."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["calls"][0] |= {"kind": kind, "hyperparameters": settings}
        manifest["optimizer"] = {"kind": optimizer, "learning_rate": 0.1}

    return change


def test_where_two_recordings_part_both_sides_settings_and_what_is_known_are_told(tmp_path: Path):
    TORCH.record(tmp_path / "one", stating("LayerNorm", "SGD", epsilon=1e-5))
    other = replace(KERAS, shift=1e-6)
    other.record(tmp_path / "other", stating("LayerNormalization", "SGD", epsilon=1e-3))
    found = compare_folders(tmp_path / "one", tmp_path / "other").result

    (cause,) = found.diagnosis.causes
    assert (cause.status, cause.where) == (Status.UNKNOWN, "fc")
    assert found.facts[0].telling == ["epsilon"]
    assert found.suggestions[0].slug == "layer_norm_epsilon"
    told = in_process("verify", str(tmp_path / "one"), str(tmp_path / "other"), folder=tmp_path, check=False).stdout
    assert "cause 1, unknown, of forward at 'fc': a recording cannot be run again, so no change was tried" in told
    assert "'fc' (LayerNormalization in other, LayerNorm in one): these settings are not the same" in told
    assert "epsilon" in told.partition("these settings are not the same")[2]


def test_the_optimizers_are_told_where_two_trainings_part(tmp_path: Path):
    TORCH.record(tmp_path / "one", stating("Linear", "SGD"))
    replace(KERAS, rates={2: 0.2}).record(tmp_path / "other", stating("Dense", "Adam"))
    (facts,) = compare_folders(tmp_path / "one", tmp_path / "other").result.facts

    assert (facts.where, facts.torch_kind, facts.keras_kind) == ("optimizer", "SGD", "Adam")
