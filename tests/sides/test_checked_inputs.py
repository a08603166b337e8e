"""Inputs and weights of the user's own that do not fit are refused by one message, and nothing is run from files."""

import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.sides import own_pairs
from twotrack import Input, Pair
from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import Builds, arrange
from twotrack.shared.verify.own_material import batch_of, checked_inputs, read_npz, unmet
from twotrack.shared.verify.reading import files_of

PAIR = own_pairs.MIXED
MASKED = Pair(
    keras=own_pairs.build_keras, torch=own_pairs.build_torch, batch_size=2, input_shape={"m": Input((3,), "mask")}
)


def but(**changes: object) -> dict[str, object]:
    return own_pairs.batches() | changes


def test_inputs_get_the_types_of_their_kinds() -> None:
    found = checked_inputs(own_pairs.batches(), PAIR, "mine")
    assert [found[name].dtype for name in ("ids", "numbers")] == [np.int64, np.float64]
    assert checked_inputs({"m": np.array([[0, 1, 1.0]] * 2)}, MASKED, "mine")["m"].dtype == bool


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], "expected a mapping of arrays by input name, found a list"),
        (but(more=np.ones(4)), "expected inputs 'ids', 'numbers', found also 'more'"),
        ({"ids": np.ones((4, 4))}, "expected inputs 'ids', 'numbers', found no 'numbers'"),
        (but(numbers=np.ones((12, 4))), "'numbers': expected shape (rows, 3), channels last, found (12, 4)"),
        (but(numbers=np.float32(3)), "'numbers': expected shape (rows, 3), channels last, found ()"),
        (but(numbers=np.full((12, 3), np.nan)), "'numbers': expected finite numbers, found 36 of 36 that are NaN"),
        (but(numbers=np.full((12, 3), "a")), "'numbers': expected numbers, found <U1"),
        (but(numbers=np.full((12, 3), None)), "'numbers': expected numbers, found object"),
        (but(ids=np.full((12, 4), 9)), "'ids': expected whole numbers from 0 to 8, found numbers from 9 to 9"),
        (but(ids=np.full((12, 4), 0.5)), "'ids': expected whole numbers from 0 to 8"),
        (but(ids=np.zeros((11, 4))), "expected as many rows of every input, found 11 of 'ids', 12 of 'numbers'"),
        (own_pairs.batches(3), "expected at least 4 rows, which is batch_size, found 3"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given: object, message: str) -> None:
    with pytest.raises(UserError, match=f"^mine: {re.escape(message)}"):
        checked_inputs(given, PAIR, "mine")


def test_batches_follow_each_other_and_begin_again_after_the_last_whole_one() -> None:
    inputs = {"x": np.arange(7)[:, None]}
    assert [batch_of(inputs, 3, step)["x"].ravel().tolist() for step in range(3)] == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]


def test_ids_that_no_row_holds_are_counted() -> None:
    assert unmet({"ids": np.array([[0, 1], [1, 4]])}, {"ids": Input((2,), "tokens", 9)}) == {9: 6}


def test_a_file_of_arrays_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **own_pairs.batches())
    found = read_npz(tmp_path / "own.npz")
    np.testing.assert_array_equal(found["numbers"], own_pairs.batches()["numbers"])


def _pickled(path: Path) -> None:
    np.savez(path, x=np.array([{"a": 1}], object), allow_pickle=True)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"x": [1.0]}))


def _absurd(path: Path) -> None:
    """Declare 8 TB."""
    header = str({"descr": "<f8", "fortran_order": False, "shape": (10**12,)}).encode().ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "expected inputs in '.*', found no such file"),
        (lambda path: path.write_bytes(b"no archive"), "is no readable .npz of plain arrays"),
        (lambda path: path.write_bytes(b""), "is no readable .npz of plain arrays"),
        (lambda path: path.mkdir(), "is no readable .npz of plain arrays"),
        (_pickled, "is no readable .npz of plain arrays .Object arrays cannot be loaded"),
        (_pickle, "is no readable .npz of plain arrays"),
        (_absurd, "is no readable .npz of plain arrays"),
        (lambda path: np.save(path.open("wb"), np.ones(3)), "holds one array; expected an .npz"),
    ],
)
def test_a_file_that_is_none_is_refused(write: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    write(path := tmp_path / "own.npz")
    with pytest.raises(UserError, match=message):
        read_npz(path)


BOTH, TORCH = arrange(Builds(keras=("a",), torch=("b",)), ["keras:jax", "keras:torch"]), Builds(torch=("old", "new"))


@pytest.mark.parametrize(
    ("sides", "files", "slugs"),
    [
        (BOTH, {"": "x.pt"}, ["torch"]),
        (BOTH, {"": "x.safetensors"}, ["torch"]),
        (BOTH, {"": "x.weights.h5"}, ["keras-jax"]),
        (BOTH, {"torch": "x.pth", "keras": "x.keras"}, ["torch", "keras-jax"]),
        (arrange(TORCH, None), {"new": "x.pt", "old": "y.pt"}, ["torch-2", "torch"]),
        (arrange(TORCH, None), {"": "x.pt"}, ["torch"]),
        (arrange(Builds(keras=("a",)), ["keras:jax", "keras:torch"]), {"": "x.keras"}, ["keras-jax"]),
    ],
)
def test_a_file_is_read_by_the_side_that_it_is_of(sides, files: dict[str, str], slugs: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert [side.slug for side in files_of(sides, {name: Path(file) for name, file in files.items()})] == slugs


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"": "x.pkl"}, "expected .safetensors, .pt, .pth, .keras or .weights.h5, found 'x.pkl'"),
        ({"other": "x.pt"}, "expected 'keras' or 'torch', found 'other'"),
        ({"keras": "x.pt"}, "'x.pt' is no file for side 'keras'"),
    ],
)
def test_a_file_of_no_side_is_refused(files: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        files_of(BOTH, {name: Path(file) for name, file in files.items()})
