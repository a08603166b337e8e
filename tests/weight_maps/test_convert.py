"""`twotrack convert MODULE:PAIR WEIGHTS`: both ways by a map, every wrapper, hostile files, all or nothing."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.weight_maps import files
from tests.weight_maps.pairs import MAP, SWAPPED, written
from twotrack import UserError
from twotrack.shared.carrying.pairs import Carried, PairConversion, convert
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights import tensor_stream
from twotrack.shared.weights.correspondence.weight_map import WeightMap
from twotrack.shared.workers.pool import WorkerPool


@pytest.fixture(scope="module")
def made(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with good and bad files of both frameworks."""
    folder = tmp_path_factory.mktemp("files")
    workers.call("torch", files.torch_files, folder)
    workers.call("keras:torch", files.keras_files, folder)
    return folder


@pytest.fixture
def carry(workers: WorkerPool, tmp_path: Path):
    """Convert a file to a name in an empty folder."""

    def carry(
        path: Path,
        name: str,
        skip: tuple[str, ...] = (),
        weight_map: WeightMap = MAP,
        proof: bool = False,
        name_of_pair: str = "BARE",
    ) -> Carried:
        (tmp_path / "out").mkdir(exist_ok=True)
        request = VerifyRequest(name=f"tests.weight_maps.pairs:{name_of_pair}", map_file=written(weight_map, tmp_path))
        to = "keras" if name.endswith((".h5", ".keras")) else "torch"
        asked = PairConversion(request, path, to, tmp_path / "out" / name, skip, proof)
        return convert(asked, lambda _: None, workers)

    return carry


def test_a_checkpoint_goes_to_keras_and_comes_back_bit_equal_with_a_proof(carry, made: Path) -> None:
    there = carry(made / "plain.safetensors", "there.weights.h5", proof=True)
    assert (there.weights, there.values, there.is_proved) == (17, 556, True)
    assert there.difference < 1e-14
    assert there.notes == ["positions.spare: unused, so it is 0"]
    back = carry(there.out, "back.safetensors", proof=True)
    assert back.is_proved
    assert back.notes == ["spare: unused, so it is 0", "places.weight[0:2]: unused, so it is 0"]
    before, after = load_file(made / "plain.safetensors"), load_file(back.out)
    before["spare"][:] = before["places.weight"][:2] = 0
    assert set(before) == set(after)
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_a_whole_model_of_keras_is_written_and_loads_without_its_build_function(carry, workers, made: Path) -> None:
    there = carry(made / "plain.keras", "torch.pt", proof=True)
    assert there.is_proved
    back = carry(there.out, "back.keras", proof=True)
    assert back.is_proved
    found = workers.call("keras:torch", files.whole_outputs, back.out)
    np.testing.assert_allclose(found, np.load(made / "outputs.npy"), atol=1e-6)


def test_a_model_that_keras_cannot_save_whole_is_refused_before_a_file_is_there(
    carry, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"Keras cannot save the model whole \(.*\); write .weights.h5"):
        carry(made / "plain.safetensors", "out.keras", name_of_pair="UNSAVED")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("track", "name"), [("torch", "plain.safetensors"), ("keras:torch", "plain.weights.h5")])
def test_a_model_whose_weights_lie_on_the_disk_computes_the_same_bits(workers, made: Path, track: str, name) -> None:
    found = workers.call(track, files.on_disk_and_not, files.OnDiskRequest(track, made / name))
    assert found.in_files >= 15
    assert found.is_same
    assert found.written > 10


@pytest.mark.parametrize(
    ("name", "skip", "notes"),
    [
        ("wrapped.pt", (), []),
        ("model.safetensors.index.json", (), []),
        ("extra.pt", ("mas*",), ["mask: skipped"]),
        (
            "lightning.ckpt",
            (),
            ["names: 'net.module.' taken away, '' added", "criterion.weight: not of the model, left out"],
        ),
    ],
)
def test_wrappers_prefixes_and_shards_are_the_same_weights(carry, made: Path, name: str, skip, notes) -> None:
    plain = carry(made / "plain.safetensors", "plain.weights.h5").out.read_bytes()
    carried = carry(made / name, "other.weights.h5", skip)
    assert carried.notes == [*notes, "positions.spare: unused, so it is 0"]
    assert carried.out.read_bytes() == plain


def test_half_precision_is_widened_exactly(carry, made: Path) -> None:
    out = carry(made / "bfloat16.pt", "half.weights.h5").out
    back = load_file(carry(out, "half.safetensors").out)
    assert back["qkv.weight"].dtype == np.float32
    low = back["qkv.weight"].view(np.uint32) & 0xFFFF
    assert not low.any()


@pytest.mark.parametrize("name", ["plain.weights.h5", "plain.keras", "legacy.h5"])
def test_every_file_of_keras_gives_torch_what_keras_computes(carry, workers, made: Path, name: str) -> None:
    out = carry(made / name, "from_keras.safetensors").out
    found = workers.call("torch", files.torch_outputs, out)
    np.testing.assert_allclose(found, np.load(made / "outputs.npy"), atol=1e-5)


def test_a_proof_finds_a_map_that_swaps_two_weights(carry, made: Path) -> None:
    swapped = carry(made / "plain.safetensors", "swapped.weights.h5", weight_map=SWAPPED, proof=True)
    assert not swapped.is_proved


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("code.pt", "would run code when loaded"),
        ("nan.pt", "'norm.beta' has NaN or infinity; expected finite weights"),
        ("misshapen.pt", "misshapen: qkv.weight (24, 8) in the torch model, (8, 24) in the weights"),
        ("missing.pt", "missing from the weights in"),
        ("extra.pt", "unknown to the torch model: mask (2,)"),
        ("outside.safetensors.index.json", "expected names of files in its own folder, found '../plain.safetensors'"),
        ("absent.safetensors.index.json", "there is no file 'three.safetensors' beside it"),
        ("wrong.safetensors.index.json", "in 'one.safetensors', found no such tensor"),
        ("list.safetensors.index.json", "is no index of shards"),
        ("none.pt", "there is no file"),
        ("plain.keras", "--to keras: expected a name that ends in .safetensors or .pt"),
    ],
)
def test_a_bad_checkpoint_is_refused_by_one_message_and_nothing_is_written(
    carry, made: Path, tmp_path: Path, name: str, problem: str
) -> None:
    with pytest.raises(UserError) as refused:
        carry(made / name, "out.weights.h5")
    assert problem in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("few.h5", "expected 6 layers with weights in the file, found 5"),
        ("changed.weights.h5", "'positions.factor' is a constant of the weight map, and the file has other values"),
    ],
)
def test_a_file_of_keras_that_does_not_fit_is_refused(carry, made: Path, tmp_path: Path, name: str, problem) -> None:
    with pytest.raises(UserError) as refused:
        carry(made / name, "out.safetensors")
    assert problem in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_tensors_are_written_in_place_into_a_file_that_safetensors_reads(tmp_path: Path) -> None:
    given = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array([1, 0], bool),
        "c": np.zeros((0, 3)),
        "d": np.float64(2.5),
    }
    tensors = {name: tensor_stream.Tensor(np.asarray(one).dtype, np.shape(one)) for name, one in given.items()}
    for name, array in tensor_stream.create(tmp_path / "x.safetensors", tensors, {"format": "pt"}).items():
        array[...] = given[name]
    save_file({name: np.asarray(one) for name, one in given.items()}, tmp_path / "y.safetensors")
    one, other = load_file(tmp_path / "x.safetensors"), load_file(tmp_path / "y.safetensors")
    assert set(one) == set(other)
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)
    assert all(one[name].dtype == other[name].dtype and one[name].shape == other[name].shape for name in one)


def test_a_buffer_that_only_torch_has_is_written_as_it_is_built(workers: WorkerPool, tmp_path: Path) -> None:
    kernel, bias, places = (
        np.ones((6, 5), np.float32),
        np.zeros(6, np.float32),
        np.linspace(0, 1.25, 6, dtype=np.float32),
    )
    save_file({"dense.weight": kernel, "dense.bias": bias, "places": places}, tmp_path / "given.safetensors")
    request = VerifyRequest(name="tests.weight_maps.pairs:PLACES")
    there = convert(
        PairConversion(request, tmp_path / "given.safetensors", "keras", tmp_path / "there.weights.h5", (), True),
        lambda _: None,
        workers,
    )
    back = convert(
        PairConversion(request, there.out, "torch", tmp_path / "back.safetensors", (), True), lambda _: None, workers
    )
    assert there.is_proved
    assert back.is_proved
    np.testing.assert_array_equal(load_file(back.out)["places"], places)
