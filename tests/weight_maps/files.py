"""Worker tasks that make the files of weights of the pair, good and bad."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.weight_maps.pairs import BARE, BY_RULES, build_keras, build_torch
from twotrack.shared.base import pages
from twotrack.shared.spec.inputs import example
from twotrack.shared.verify.material import draw_inputs
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


class Code:
    """What a pickle can do when it is loaded."""

    def __reduce__(self):
        return print, ("ran",)


@task
def torch_files(folder: Path) -> None:
    """Write checkpoints of one state, wrapped, prefixed and in shards, and bad ones."""
    import json

    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    state = {name: tensor.clone() for name, tensor in build_torch().state_dict().items()}
    save_file(state, folder / "plain.safetensors")
    torch.save({"model_state_dict": state, "epoch": 3}, folder / "wrapped.pt")
    lightning = {f"net.module._orig_mod.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": {**lightning, "criterion.weight": torch.ones(2)}}, folder / "lightning.ckpt")
    torch.save({"model": {**state, "mask": torch.ones(2)}}, folder / "extra.pt")
    torch.save({name: tensor.bfloat16() for name, tensor in state.items()}, folder / "bfloat16.pt")
    torch.save({"model": Code()}, folder / "code.pt")
    torch.save({**state, "ln.bias": torch.full((8,), float("nan"))}, folder / "nan.pt")
    torch.save({**state, "qkv.weight": state["qkv.weight"].T.contiguous()}, folder / "misshapen.pt")
    torch.save({name: tensor for name, tensor in state.items() if name != "ln.bias"}, folder / "missing.pt")
    names = sorted(state)
    shards = {"one.safetensors": names[:5], "two.safetensors": names[5:]}
    for file, inside in shards.items():
        save_file({name: state[name] for name in inside}, folder / file)
    places = {name: file for file, inside in shards.items() for name in inside}
    for name, table in {
        "model": places,
        "outside": {**places, "ln.bias": "../plain.safetensors"},
        "absent": {**places, "ln.bias": "three.safetensors"},
        "wrong": {**places, "ln.bias": "two.safetensors", "words.bias": "one.safetensors"},
    }.items():
        (folder / f"{name}.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    (folder / "list.safetensors.index.json").write_text("[1]")


@task
def keras_files(folder: Path) -> None:
    """Write a file of Keras, one of Keras 2's layout with the same weights, and bad ones."""
    import h5py
    import keras

    open_track("keras:torch", "cpu")
    keras.utils.set_random_seed(4)
    model = build_keras()
    for variable in model.weights:
        if variable.path != "positions/factor":
            variable.assign(np.random.default_rng(variable.shape).normal(size=variable.shape))
    model.save_weights(folder / "plain.weights.h5")
    model.save(folder / "plain.keras")
    np.save(folder / "outputs.npy", keras.ops.convert_to_numpy(model(np.int32(example(BARE.specs)["ids"]))))
    for name in ("legacy.h5", "few.h5"):
        with h5py.File(folder / name, "w") as file:
            layers = [layer for layer in model.layers if layer.weights or name == "legacy.h5"]
            file.attrs["layer_names"] = [layer.name.encode() for layer in layers][: None if name == "legacy.h5" else -1]
            for layer in layers:
                group, own = file.create_group(layer.name), [*layer.trainable_weights, *layer.non_trainable_weights]
                group.attrs["weight_names"] = [f"{layer.name}/{one.path}:0".encode() for one in own]
                for one in own:
                    group[f"{layer.name}/{one.path}:0"] = keras.ops.convert_to_numpy(one)
    with h5py.File(folder / "changed.weights.h5", "w") as file, h5py.File(folder / "plain.weights.h5") as plain:
        for name in plain:
            plain.copy(name, file)
        factor = next(
            one for one in _datasets(file) if one.shape == (8,) and np.array_equal(one[()], np.ones(8)) and one.name
        )
        factor[...] = 2.0


def _datasets(file):
    import h5py

    found = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found


@task
def torch_outputs(path: Path) -> list[list[list[float]]]:
    """Load a checkpoint the framework's own way; return what the module gives for the example inputs."""
    import torch
    from safetensors.torch import load_file

    module = build_torch().eval()
    module.load_state_dict(load_file(path))
    with torch.no_grad():
        return module(torch.as_tensor(example(BARE.specs)["ids"]).long()).tolist()


@task
def whole_outputs(path: Path) -> list[list[list[float]]]:
    """Load a .keras file without the build function; return what the model gives for the example inputs."""
    import keras

    open_track("keras:torch", "cpu")
    positions = type(build_keras().get_layer("positions"))
    model = keras.saving.load_model(path, custom_objects={"Positions": positions})
    return keras.ops.convert_to_numpy(model(np.int32(example(BARE.specs)["ids"]))).tolist()


@dataclass(frozen=True)
class OnDiskRequest:
    """A track, and a file of its weights."""

    track: str
    file: Path


@dataclass(frozen=True)
class OnDiskFound:
    """What a model gives whose weights lie on the disk."""

    in_files: int
    is_same: bool
    """As in memory, bit for bit."""
    written: int
    """How many of the files hold something else than zeros."""


@task
def on_disk_and_not(request: OnDiskRequest) -> OnDiskFound:
    """Load a file into a model whose weights, small as they are, lie on the disk, and into one in memory."""
    track = open_track(request.track, "cpu")
    carrier = track.carrier()
    with tempfile.TemporaryDirectory() as folder:
        disk = pages.OnDisk(Path(folder))
        disk.SMALLEST = 1
        with pages.given_back(disk.spans):
            model = carrier.built_on_disk(track, BY_RULES, disk)
            carrier.load(model, request.file, ())
            found = model.outputs(draw_inputs(BY_RULES, 0))
        files = [np.fromfile(file, np.float64) for file in Path(folder).iterdir()]
    whole = track.build(BY_RULES, 0, "float64")
    carrier.load(whole, request.file, ())
    expected = whole.outputs(draw_inputs(BY_RULES, 0))
    is_same = all(one.tobytes() == other.tobytes() for one, other in zip(found, expected, strict=True))
    return OnDiskFound(len(disk.spans), is_same, sum(bool(array.any()) for array in files))
