"""A pair that cannot be verified gives one message that names what is wrong and where."""

from typing import Protocol

import pytest

from tests.support.turns import quickest_alone
from twotrack.shared.errors import UserError
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest


class Climb(Protocol):
    def __call__(self, reference: str, **options: bool) -> TrackResult: ...


@pytest.fixture(params=quickest_alone())
def climb(request: pytest.FixtureRequest, ladder: Ladder) -> Climb:
    """Climb with a pair on one Keras track."""
    return lambda reference, **options: ladder.climb(
        VerifyRequest(name=reference, causes="none", **options), lambda *_: None, [request.param]
    )[0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TORCH_BUILD_FAILS", ["the torch build function failed", "ValueError", "no such width: -3"]),
        ("KERAS_BUILD_FAILS", ["the Keras build function failed", "ValueError", "no such width: -3"]),
        ("NO_MODULE", ["torch build function must return an nn.Module", "found list"]),
        ("NO_KERAS_MODEL", ["Keras build function must return a keras.Model", "found list"]),
        ("TORCH_SHAPE", ["the torch model does not take inputs of shape (batch, 4)"]),
        ("KERAS_SHAPE", ["the Keras model does not take inputs of shape (batch, 4)"]),
        ("UNKNOWN_RENAME", ["head"]),
        ("LOSS_FAILS", ["loss", "no such width: -3"]),
        ("NOT_A_PAIR", ["expected a twotrack.Pair named 'NOT_A_PAIR'", "found a str"]),
        ("ABSENT", ["expected a twotrack.Pair named 'ABSENT'", "found nothing"]),
    ],
)
def test_what_cannot_be_built_or_run_is_named(name: str, told: list[str], climb: Climb) -> None:
    with pytest.raises(UserError) as caught:
        climb(f"tests.conformance.broken:{name}")
    assert all(text in str(caught.value) for text in told), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_cannot_be_imported_is_named(climb: Climb) -> None:
    with pytest.raises(UserError, match=r"importing 'no_such_module' from .* failed"):
        climb("no_such_module:PAIR")


@pytest.mark.parametrize(("name", "keras_name"), [("OTHER_NAMES", "dense1.kernel"), ("UNNAMED", "dense")])
def test_names_that_do_not_match_fail_the_parameters_rung_naming_both(name: str, keras_name: str, climb: Climb) -> None:
    failure = climb(f"tests.conformance.broken:{name}", use_map=False).rungs[-1]
    assert failure.rung == "parameters"
    assert f"'{keras_name}" in failure.detail
    assert "in torch only" in failure.detail


def test_infinity_fails_forward_and_names_its_layer(climb: Climb) -> None:
    failure = climb("tests.conformance.broken:EXPLODES").rungs[-1]
    assert (failure.rung, failure.where) == ("forward", "scale")
    assert "NaN or infinity in Keras" in failure.detail
