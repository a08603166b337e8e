"""What every track counts, against NumPy on what its layers were given."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import pytest

from tests.pieces.networks import ACTIVATIONS, SMOOTH
from tests.support.pieces_tasks import Asked, Seen, count
from twotrack.shared.pieces.count import PieceCount, PieceKind
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify import evidence
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

SCALE = 4.0
"""Inputs so large that values lie in every piece, and not all of them in the outer ones."""
See = Callable[[str, str], Seen]
BY_SIZE = {"HARD_SHRINK", "SOFTSIGN"}
"""Keras makes them of |x|, whose pieces are others; SOFTSIGN has no piece where TensorFlow has an operation for it."""


@pytest.fixture(scope="module")
def see(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> See:
    @cache
    def seen(pair: str, track: str) -> Seen:
        request = VerifyRequest(name=f"tests.pieces.networks:{pair}").located()
        folder = tmp_path_factory.mktemp("pieces") / "seen"
        return evidence.load(Seen, workers.call(track, count, Asked(request, track, folder, SCALE)))

    return seen


def given_to(seen: Seen, path: str) -> np.ndarray:
    return next(layer for layer in seen.layers if layer.path == path).inputs[0]


def in_layer(seen: Seen, path: str) -> list[PieceCount]:
    return [each for each in seen.counts if each.layer == path]


def outer_pieces(counts: list[PieceCount]) -> tuple[set[int], set[int]]:
    """Return how many values a layer's functions have below their thresholds, and above them.

    A backend may make one function of two, such as a minimum behind a maximum.
    """
    intervals = [each.counts for each in counts if each.kind is PieceKind.INTERVAL]
    return {int(counts[0]) for counts in intervals}, {int(counts[-1]) for counts in intervals}


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - BY_SIZE))
def test_an_activation_is_counted_as_numpy_counts_what_it_is_given(name: str, track: str, see: See) -> None:
    seen, thresholds = see(name, track), ACTIVATIONS[name][1]
    values = given_to(seen, "act")
    expected = int((values < thresholds[0]).sum()), int((values > thresholds[-1]).sum())
    assert min(expected) > 0, "the inputs do not reach both outer pieces"

    below, above = outer_pieces(in_layer(seen, "act"))
    if (below & above) and len(thresholds) == 1:  # -x is counted where a backend takes it
        assert set(expected) <= below | above
    else:
        assert expected[0] in below | above
        assert expected[1] in below | above


@pytest.mark.parametrize("track", TRACKS)
def test_a_counter_that_misses_a_piece_would_not_pass_that_test(track: str, see: See) -> None:
    seen = see("RELU6", track)
    highest = max(threshold for each in in_layer(seen, "act") for threshold in each.thresholds)
    planted = [each for each in in_layer(seen, "act") if highest not in each.thresholds]

    _, above = outer_pieces(planted)
    assert int((given_to(seen, "act") > 6).sum()) not in above


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_function_has_no_pieces_whatever_it_is_made_of(name: str, track: str, see: See) -> None:
    assert in_layer(see(name, track), "act") == []


def winners_by_loop(values: np.ndarray, size: int) -> list[int]:
    """Count the places of the largest values in windows (size, size) of images, channels last."""
    wins = [0] * size**2
    for top, left in product(range(0, values.shape[1], size), range(0, values.shape[2], size)):
        windows = values[:, top : top + size, left : left + size]
        for image, channel in product(range(len(values)), range(values.shape[3])):
            wins[int(windows[image, :, :, channel].argmax())] += 1
    return wins


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(("path", "size"), [("pool", 2), ("most", 3)])
def test_pooling_counts_the_winners_that_a_loop_finds(path: str, size: int, track: str, see: See) -> None:
    seen = see("POOLED", track)
    (found,) = [each for each in in_layer(seen, path) if each.kind is PieceKind.WINNER]
    assert found.counts.tolist() == winners_by_loop(given_to(seen, path), size)


@pytest.mark.parametrize("track", TRACKS)
def test_rows_of_a_table_are_counted_as_often_as_their_tokens_occur(track: str, see: See) -> None:
    seen = see("MASKED", track)
    (found,) = [each for each in in_layer(seen, "table") if each.kind is PieceKind.ROW]
    assert found.counts.tolist() == np.bincount(seen.inputs["tokens"].ravel(), minlength=11).tolist()


@pytest.mark.parametrize("track", TRACKS)
def test_a_mask_is_counted_where_it_is_used(track: str, see: See) -> None:
    seen = see("MASKED", track)
    mask = seen.inputs["mask"]
    (found,) = [each for each in seen.counts if each.kind is PieceKind.CONDITION]
    spread = found.counts.sum() // mask.size  # a backend may spread the mask over the features first
    assert found.counts.tolist() == [spread * int((~mask).sum()), spread * int(mask.sum())]
    assert found.after == "table"


def test_all_tracks_see_the_same_pieces_of_the_same_network(see: See) -> None:
    wins = [[each.counts.tolist() for each in in_layer(see("POOLED", track), "pool")] for track in TRACKS]
    assert all(each == wins[0] for each in wins)
