"""Outputs correspond by name, by value, by shape, or as the pair says; what has no counterpart is told."""

import pytest

from tests.support.turns import in_turn
from tests.widening.test_widening import climbed
from twotrack import UserError
from twotrack.shared.verify.ladder import Ladder


@pytest.mark.parametrize(("pair", "track"), in_turn(["BY_NAME", "BY_VALUE", "CHOSEN"]))
def test_models_that_give_mappings_and_dataclasses_need_no_wrapper(pair: str, track: str, ladder: Ladder) -> None:
    result = climbed(ladder, pair, track, "gradients")
    assert result.passed, result.rungs[-1].detail
    assert result.certificate.counts["outputs"] == (1 if pair == "CHOSEN" else 2)
    notes = [note for note in result.certificate.notes if "found by" in note]
    assert notes == (
        [
            "Keras' output 'as' is compared with torch's 'scores', found by value",
            "Keras' output 'zs' is compared with torch's 'features', found by value",
        ]
        if pair == "BY_VALUE"
        else []
    )


def test_an_output_under_another_name_is_a_difference_as_names_come_first(ladder: Ladder) -> None:
    result = climbed(ladder, "SWAPPED", "keras:torch")
    assert not result.passed
    assert result.rungs[-1].rung == "forward"


def test_an_input_goes_to_the_argument_of_its_name(ladder: Ladder) -> None:
    result = climbed(ladder, "BY_KEYWORD", "keras:torch")
    assert result.passed, result.rungs[-1].detail


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("ALONE", r"torch's 'features' has no counterpart. .* Pair\(outputs=\{'output': 'scores'\}\)"),
        ("UNKNOWN", "the torch model gives no 'logits'; it gives features, scores"),
    ],
)
def test_an_output_without_a_counterpart_is_told_with_what_to_write(pair: str, told: str, ladder: Ladder) -> None:
    with pytest.raises(UserError, match=told):
        climbed(ladder, pair, "keras:torch")
