"""An honest pair, a float16 softmax in a bfloat16 port and a cast on the way are told apart, with numbers."""

import pytest

from tests.support.ladders import SharedLadder
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import GapKind

TRACK = "keras:torch"


def _climbed(ladder: SharedLadder, pair: str, *arithmetics: Arithmetic, track: str = TRACK) -> TrackResult:
    name = f"tests.precision.pairs:{pair}"
    request = VerifyRequest(name=name, until="parameters", arithmetics=arithmetics)
    (result,) = ladder.climb(request, lambda track, phase: None, [track])
    return result


def test_an_honest_pair_is_as_exact_as_each_precision_allows(ladder: SharedLadder):
    result = _climbed(ladder, "HONEST", "float64", "float32", "bfloat16", "float16")
    assert result.passed
    for found in result.precisions:
        for side in found.sides.values():
            assert side.quantities
            assert max(one.ratio for one in side.quantities) < 1
    errors = [found.torch.quantities[-1].error for found in result.precisions[1:3]]
    assert errors[1] > 100 * errors[0] > 0  # bfloat16 against float32


def test_a_softmax_in_float16_is_named_with_its_line_on_either_side(ladder: SharedLadder):
    for pair, side in (("FLOAT16_SOFTMAX", "torch"), ("KERAS_FLOAT16_SOFTMAX", "Keras")):
        result = _climbed(ladder, pair, "bfloat16")
        assert not result.passed
        assert f"{side} computes in float16" in result.rungs[-1].detail
        assert "tests/precision/pairs.py:" in result.rungs[-1].detail


def test_a_softmax_in_float32_is_named_and_no_fault(ladder: SharedLadder):
    result = _climbed(ladder, "FLOAT32_SOFTMAX", "bfloat16")
    assert result.passed
    assert any("torch computes in float32 at tests/precision/pairs.py:" in note for note in result.certificate.notes)


def test_a_cast_to_float32_in_float64_is_millions_of_times_beyond_rounding(ladder: SharedLadder):
    result = _climbed(ladder, "CAST", "float64", "float32")
    cast, unseen = result.rungs[-2:]
    assert not cast.passed
    assert cast.difference is not None
    assert cast.difference > 1e6
    assert "torch computes in float32 at tests/precision/pairs.py:" in cast.detail
    assert unseen.passed  # in float32 it casts nothing


def test_sums_that_are_added_up_in_half_are_beyond_rounding(ladder: SharedLadder):
    result = _climbed(ladder, "HALF_SUMS", "bfloat16")
    assert not result.passed
    assert result.rungs[-1].where == "sums"
    assert not result.precisions[0].torch.computed  # the type alone does not show it


def test_tf32_is_refused(ladder: SharedLadder):
    result = _climbed(ladder, "HONEST", "tf32")
    assert [gap.kind for gap in result.certificate.gaps] == [GapKind.NOT_RUN, GapKind.NOT_RUN]
    assert "tf32 is arithmetic of GPUs, which twotrack keeps switched off" in result.certificate.gaps[0].detail


@pytest.mark.slow
@pytest.mark.parametrize("track", ["keras:tensorflow", "keras:jax"])
@pytest.mark.parametrize("pair", ["HONEST", "KERAS_FLOAT16_SOFTMAX", "HALF_SUMS"])
def test_other_backends_are_judged_alike(ladder: SharedLadder, track: str, pair: str):
    assert _climbed(ladder, pair, "bfloat16", track=track).passed == (pair == "HONEST")


@pytest.mark.slow
@pytest.mark.parametrize("track", ["keras:torch", "keras:tensorflow", "keras:jax"])
@pytest.mark.parametrize("chapter", ["churn_mlp", "mnist_cnn", "churn_lstm", "churn_transformer"])
def test_the_chapters_are_as_exact_as_each_precision_allows(ladder: SharedLadder, chapter: str, track: str):
    request = VerifyRequest(name=chapter, until="parameters", arithmetics=("float32", "bfloat16", "float16"))
    (result,) = ladder.climb(request, lambda track, phase: None, [track])
    assert result.passed, [rung.detail for rung in result.rungs]
