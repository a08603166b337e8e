"""Where the flow of values does not tell which weight is which, sizes do, if the outputs prove it."""

from tests.matching.written_out import HONEST, OTHER_GATES
from tests.support.turns import QUICKEST
from twotrack import Pair
from twotrack.shared.matching.sizes import _by_size, _layout
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.verify.user_pair import reference


def climb(pair: Pair, ladder: Ladder) -> TrackResult:
    """Climb with a pair that no name leads to, beside which no map is written."""
    request = VerifyRequest(
        name="written out", pair=reference(pair), until="gradients", precisions=FOR_THE_VERDICT, causes="none"
    )
    return ladder.climb(request, lambda *_: None, [QUICKEST])[0]


def test_an_lstm_that_is_written_out_is_found_without_a_map(ladder: Ladder) -> None:
    result = climb(HONEST, ladder)
    assert result.passed, result.rungs[-1].detail
    assert "the map of 5 weights was found" in " ".join(result.notes)


def test_gates_in_another_order_are_not_called_the_same(ladder: Ladder) -> None:
    result = climb(OTHER_GATES, ladder)
    assert not result.passed
    assert result.rungs[-1].rung == "parameters"


# === Without a framework ===


def test_only_sizes_that_are_alone_tell() -> None:
    live = {"lstm.kernel": (7, 24), "lstm.recurrent_kernel": (6, 24), "lstm.bias": (24,)}
    found = _by_size(live, {"x.weight": (24, 7), "h.weight": (24, 6), "x.bias": (24,)})
    assert found is not None
    assert {name: one.rule.sources for name, one in found.items()} == {
        "lstm.kernel": ("x.weight",), "lstm.recurrent_kernel": ("h.weight",), "lstm.bias": ("x.bias",),
    }  # fmt: skip
    assert _by_size({"a": (4, 4), "b": (4, 4)}, {"c": (4, 4), "d": (4, 4)}) is None
    assert _by_size({"a": (4, 5)}, {"c": (5, 4), "d": (4, 5)}) is None
    assert _by_size({"a": (4, 5)}, {"c": (5, 3)}) is None


def test_kernels_are_turned() -> None:
    assert [_layout((7, 24), (24, 7)), _layout((6, 6), (6, 6)), _layout((7, 24), (7, 24)), _layout((3,), (3,))] == [
        "o i -> i o", "o i -> i o", "", "",
    ]  # fmt: skip
