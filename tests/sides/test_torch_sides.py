"""Torch against torch: a refactoring that is right, several that are wrong, and compiled models."""

import pytest

from tests.sides.climbing import climb
from tests.support.ladders import SharedLadder
from twotrack.shared.errors import UserError
from twotrack.shared.verify.diagnosis.cause import Status

PAIRS = "torch_pairs"


def test_attention_by_one_function_is_the_same_as_written_out_with_dropout_and_a_table(ladder: SharedLadder) -> None:
    result, text = climb(ladder, f"{PAIRS}:FUSED")
    assert (result.passed, result.rungs[-1].rung, result.certificate.gaps) == (True, "training", ())
    assert text.startswith("tests.sides.torch_pairs:FUSED: torch (before) against torch (after)\n\ntorch (after)\n")
    assert "1 of 1 comparisons passed every rung" in text


def test_names_of_the_reference_are_mapped_to_those_of_the_other_side(ladder: SharedLadder) -> None:
    result, _ = climb(ladder, f"{PAIRS}:RENAMED")
    assert (result.passed, [layer.path for layer in result.layers]) == (True, ["encoder", "decoder"])


@pytest.mark.parametrize(
    ("pair", "rung", "where", "what"),
    [
        ("EPSILON", "forward", "norm", "epsilon is 0.001 in torch (other_epsilon) and 1e-05 in torch (before)"),
        ("RATE", "dropout", "dropout", "the rate of 'dropout' is 0.3 in torch (other_rate) and 0.2 in torch (before)"),
    ],
)
def test_a_changed_setting_is_proved_and_told_of_the_two_build_functions(
    ladder: SharedLadder, pair: str, rung: str, where: str, what: str
) -> None:
    result, text = climb(ladder, f"{PAIRS}:{pair}", causes="first", until="dropout")
    assert (result.rungs[-1].rung, result.rungs[-1].where) == (rung, where)
    (cause,) = result.diagnosis.causes
    assert (cause.status, cause.where, cause.what, cause.keras_fix) == (Status.PROVED, where, what, "")
    assert "in torch (before): " in text
    assert "Keras" not in text


@pytest.mark.parametrize(("pair", "where"), [("RESIDUAL", ("final", "")), ("SCALE", ("attention.out", "attention"))])
def test_a_dropped_residual_and_another_scale_fail_where_they_are(
    ladder: SharedLadder, pair: str, where: tuple[str, ...]
) -> None:
    result, _ = climb(ladder, f"{PAIRS}:{pair}", until="forward")
    assert (result.passed, result.rungs[-1].rung) == (False, "forward")
    assert result.rungs[-1].where in where


@pytest.mark.parametrize(
    ("pair", "until"),
    [
        pytest.param("COMPILED", "training", marks=pytest.mark.slow),  # compiles for seconds
        ("COMPILED", "forward"),
        ("COMPILED_INSIDE", "dropout"),
    ],
)
def test_a_compiled_model_is_the_same_and_the_certificate_says_where_nobody_looked(
    ladder: SharedLadder, pair: str, until: str
) -> None:
    result, _ = climb(ladder, f"{PAIRS}:{pair}", until=until)
    assert (result.passed, result.rungs[-1].rung) == (True, until)
    assert [gap.where for gap in result.certificate.gaps] == ["torch.compile"]


@pytest.mark.parametrize("pair", ["MISCOMPILED", "MISCOMPILED_LAYERS"])
def test_what_a_backend_compiles_wrongly_fails_although_every_layer_as_it_is_written_agrees(
    ladder: SharedLadder, pair: str
) -> None:
    result, _ = climb(ladder, f"{PAIRS}:{pair}", until="forward")
    assert (result.passed, result.rungs[-1].rung) == (False, "forward")
    assert f"torch ({pair.lower()}) gives what compiled code gives" in result.rungs[-1].detail


def test_a_model_that_cannot_be_compiled_is_one_message(ladder: SharedLadder) -> None:
    with pytest.raises(UserError, match=r"cannot compile the model \(RuntimeError: No working C.*aot_eager"):
        climb(ladder, f"{PAIRS}:NOT_COMPILED", until="forward")
    assert climb(ladder, f"{PAIRS}:RENAMED", until="forward")[0].passed
