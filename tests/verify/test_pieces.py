"""The rung pieces: what lies beyond wide inputs is looked for and found, on either side."""

import pytest

from tests.support.ladders import SharedLadder
from tests.support.turns import BACKENDS, MOSTLY_QUICKEST, in_turn
from tests.verify.pieces_pairs import HONEST, HONEST_TABLES, WRONG, WRONG_TABLES
from twotrack.shared.verify.certificate import Verdict
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.verify.result import GapKind, RungResult


def climb(ladder: SharedLadder, pair: str, track: str) -> TrackResult:
    request = VerifyRequest(
        name=f"tests.verify.pieces_pairs:{pair}", until="pieces", causes="none", precisions=FOR_THE_VERDICT
    )
    (result,) = ladder.climb(request, lambda *_: None, [track])
    return result


def last(result: TrackResult) -> RungResult:
    return result.rungs[-1]


@pytest.mark.parametrize(("pair", "track"), in_turn(WRONG, order=MOSTLY_QUICKEST))
def test_a_piece_that_no_wide_input_reaches_is_found_and_compared(pair: str, track: str, ladder: SharedLadder) -> None:
    result = climb(ladder, pair, track)
    assert [(rung.rung, rung.passed) for rung in result.rungs[-2:]] == [("range", True), ("pieces", False)]
    assert "what comes out differs" in last(result).detail
    assert "at inputs that reach" in last(result).detail


@pytest.mark.parametrize(("pair", "track"), in_turn(WRONG_TABLES, order=MOSTLY_QUICKEST))
def test_a_row_of_a_table_that_one_side_leaves_out_is_read(pair: str, track: str, ladder: SharedLadder) -> None:
    result = climb(ladder, pair, track)
    assert [(rung.rung, rung.passed) for rung in result.rungs[-2:]] == [("range", True), ("pieces", False)]
    assert "'tokens'" in last(result).detail


@pytest.mark.parametrize(("pair", "track"), in_turn(HONEST | HONEST_TABLES, order=MOSTLY_QUICKEST))
def test_one_model_passes_on_what_was_looked_for_without_exception(pair: str, track: str, ladder: SharedLadder) -> None:
    result = climb(ladder, pair, track)
    assert result.verdict is Verdict.PASS, (last(result).detail, result.certificate.gaps)
    assert result.certificate.counts["pieces"] > 0


@pytest.mark.parametrize("track", BACKENDS)
def test_what_cannot_be_reached_nor_proved_impossible_is_named_once(track: str, ladder: SharedLadder) -> None:
    result = climb(ladder, "NEVER", track)
    assert result.verdict is Verdict.EXCEPT
    (gap,) = result.certificate.gaps
    assert (gap.kind, gap.where) == (GapKind.PIECE, "dense1")
    assert gap.detail.startswith("behind it, relu was given nothing below 0, but 0.001 to ")
