"""Worker tasks that make the files that `twotrack convert` gets. The model is mnist_cnn, small."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Outputs:
    """A track, a file of its framework, and the files of inputs and outputs."""

    track: str
    path: Path
    inputs: Path
    out: Path


SETTINGS = {"filters": "2", "hidden_size": "5"}


def _model(track: str) -> Any:
    chapter = chapters.get("mnist_cnn")
    return open_track(track, "cpu").build(whole_pair(chapter.variant(settings=SETTINGS)), seed=0)


class Code:
    """What a pickle can do when it is loaded."""

    def __reduce__(self):
        return print, ("ran",)


@task
def torch_files(folder: Path) -> None:
    """Write good and bad torch checkpoints, all of the same random weights."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    state = {name: tensor.contiguous() for name, tensor in _model("torch").module.state_dict().items()}
    save_file(state, folder / "good.safetensors")
    torch.save(state, folder / "good.pt")
    torch.save({"state_dict": state, "epoch": 3}, folder / "nested.pt")
    torch.save({key: tensor.double() / 3 for key, tensor in state.items()}, folder / "double.pt")
    torch.save({key: tensor.bfloat16() for key, tensor in state.items()}, folder / "bfloat16.pt")
    torch.save({key: tensor.int() for key, tensor in state.items()}, folder / "integers.pt")
    torch.save({"model": Code()}, folder / "code.pt")
    torch.save({**state, "epoch": 3}, folder / "number.pt")
    torch.save([1, 2], folder / "list.pt")
    torch.save({key: tensor for key, tensor in state.items() if key != "logits.bias"}, folder / "missing.pt")
    torch.save({**state, "tail.bias": torch.zeros(5)}, folder / "left_over.pt")
    torch.save({**state, "logits.weight": state["logits.weight"].T.contiguous()}, folder / "misshapen.pt")
    (folder / "empty.pt").touch()
    (folder / "garbage.pt").write_bytes(b"hello world")
    (folder / "garbage.safetensors").write_bytes(b"hello world")
    (folder / "cut.pt").write_bytes((folder / "good.pt").read_bytes()[:2000])


@task
def keras_files(folder: Path) -> None:
    """Write good and bad Keras files."""
    import h5py
    import keras

    keras.utils.set_random_seed(4)
    model = _model("keras:tensorflow").model
    model.save_weights(folder / "good.weights.h5")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.save(folder / "good.keras")
    model.save_weights(folder / "compiled.weights.h5")
    for name in ("missing", "left_over", "misshapen", "linked"):
        path = folder / f"{name}.weights.h5"
        path.write_bytes((folder / "good.weights.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            dense = file["layers/dense_1/vars"]
            if name == "left_over":
                file["layers/dense_2/vars/0"] = np.zeros(5)
            else:
                kernel = dense["0"][:]
                del dense["0"]
            if name == "misshapen":
                dense["0"] = kernel.T
            if name == "linked":
                dense["0"] = h5py.ExternalLink("good.weights.h5", "layers/dense_1/vars/0")
    (folder / "garbage.weights.h5").write_bytes(b"hello world")
    (folder / "garbage.keras").write_bytes(b"hello world")


@task
def predict(asked: Outputs) -> None:
    """Load a file the framework's own way into a fresh model; write its outputs."""
    track, path = asked.track, asked.path
    model = _model(track)
    if track == "torch":
        import torch
        from safetensors.torch import load_file

        state = torch.load(path, weights_only=True) if path.suffix == ".pt" else load_file(path)
        model.module.load_state_dict(state)
    else:
        model.model.load_weights(path)
    np.save(asked.out, model.predict({ONLY: np.load(asked.inputs)}))
