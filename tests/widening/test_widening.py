"""What asks for float32 gets float64 for the proof, is said with its place, and nothing of it stays behind."""

import pytest

from tests.support.turns import in_turn
from tests.widening import tasks
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import GapKind
from twotrack.shared.workers.pool import WorkerPool


def climbed(ladder: Ladder, pair: str, track: str, until: str = "forward") -> TrackResult:
    request = VerifyRequest(name=f"tests.widening.pairs:{pair}", until=until, causes="none")
    (result,) = ladder.climb(request, lambda *_: None, [track])
    return result


@pytest.mark.parametrize(("pair", "track"), in_turn(["NARROW"]))
def test_a_model_that_insists_on_float32_climbs_and_every_line_that_asks_is_named(
    pair: str, track: str, ladder: Ladder
) -> None:
    result = climbed(ladder, pair, track, "training")
    assert result.passed, result.rungs[-1].detail
    notes = [note for note in result.certificate.notes if "tests/widening/pairs.py:" in note]
    for told in ("torch asks for float32", "(in scale)", "(in mix)", "Keras asks for float32"):
        assert any(told in note for note in notes), (told, notes)
    assert {gap.where for gap in result.certificate.gaps if gap.kind == GapKind.PRECISION} == {"mix.softmax"}


@pytest.mark.parametrize("track", [track for track in TRACKS if track == "keras:torch"])
def test_a_difference_that_float32_would_hide_is_found(track: str, ladder: Ladder) -> None:
    result = climbed(ladder, "NEARLY", track)
    assert not result.passed
    assert 1e-12 < (result.rungs[-1].difference or 0.0) < 1e-7


def test_what_asks_for_half_precision_is_an_exception_as_the_model_itself_computes_less(ladder: Ladder) -> None:
    result = climbed(ladder, "HALF", "keras:torch")
    assert result.passed, result.rungs[-1].detail
    (gap,) = [gap for gap in result.certificate.gaps if gap.kind == GapKind.HALF]
    assert gap.where.startswith("tests/widening/pairs.py:")
    assert "Keras asks for bfloat16 (in scale)" in gap.detail


@pytest.mark.parametrize("track", [track for track in TRACKS if track != "torch"])
def test_keras_widens_requests_and_takes_float32_up_again(track: str, workers: WorkerPool) -> None:
    found = workers.call(track, tasks.keras_types, None)
    assert found.after == found.before
    assert found.wide == dict.fromkeys(found.wide, "float64") | {"whole": "int32", "truth": "bool"}
    assert (found.before["cast"], found.before["half"], found.before["layer"]) == ("float32", "bfloat16", "bfloat16")


def test_torch_widens_requests_and_takes_float32_up_again(workers: WorkerPool) -> None:
    found = workers.call("torch", tasks.torch_types, None)
    kept = {"whole": "torch.int64", "truth": "torch.bool", "bits": "torch.float32", "complex": "torch.complex128"}
    assert found.after == found.before
    assert found.wide == dict.fromkeys(found.wide, "torch.float64") | kept
    assert (found.before["to"], found.before["half"]) == ("torch.float32", "torch.bfloat16")


def test_what_is_drawn_while_torch_builds_and_how_it_hides_steps_stay_as_in_float32(workers: WorkerPool) -> None:
    assert workers.call("torch", tasks.built_in_torch, None) == tasks.Built(drawn_alike=True, padded=0.0)


def test_rounding_to_float32_on_one_side_alone_is_an_exception(ladder: Ladder) -> None:
    request = VerifyRequest(name="tests.verify.range_pairs:NARROW_TYPE_FLOAT32", until="forward", causes="none")
    (result,) = ladder.climb(request, lambda *_: None, ["keras:torch"])
    assert result.passed, result.rungs[-1].detail
    (gap,) = result.certificate.gaps
    assert (gap.kind, "asks for float32" in gap.detail) == (GapKind.PRECISION, True)
