"""A torch model's weights in files: a state_dict as .safetensors, or as .pt that holds tensors only."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from twotrack.shared.errors import UserError
from twotrack.shared.spec.framework_files import BuildModel
from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track.state_files import read_state
from twotrack.torch_track.track_model import as_torch
from twotrack.torch_track.weights import MODEL, NOT_WEIGHTS, merged_biases


def read(path: Path, build: BuildModel) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the file's weights in canonical form, and what the canonical form does not keep.

    A .safetensors file may be canonical already. Raises UserError for a file that cannot be read
    without running code from it, BridgeError if its names or shapes are not the model's.
    """
    state, model = read_state(path), as_torch(build("float32"))
    if set(state) == set(model.weights()):
        return {name: tensor.numpy() for name, tensor in state.items()}, []
    _load(model.module, state, f"the weights in '{path}'")
    notes = [f"{name}: added to the first bias" for name in merged_biases(model.module)]
    counters = [name for name, tensor in state.items() if _is_counter(name) and tensor.any()]
    return model.weights(), notes + [f"{name}: not kept" for name in counters]


def write(path: Path, canonical: Mapping[str, np.ndarray], build: BuildModel) -> None:
    """Write canonical weights as the model's state_dict; BridgeError if they are not the model's."""
    double = any(array.dtype == np.float64 for array in canonical.values())
    model = as_torch(build("float64" if double else "float32"))
    model.load_weights(canonical)
    # safetensors refuses tensors that share memory, as tied weights do.
    state = {name: tensor.detach().clone().contiguous() for name, tensor in model.module.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(state, path, metadata={"format": "pt"})
    else:
        torch.save(state, path)


def to_safetensors(path: Path, out: Path) -> None:
    """Write a state_dict's tensors to a .safetensors file, float32, without counters of batches."""
    state = read_state(path)
    save_file({name: _float32(tensor) for name, tensor in state.items() if not _is_counter(name)}, out)


def _float32(tensor: Tensor) -> Tensor:
    """Return a copy, as safetensors refuses tensors that share memory; whole numbers stay what they are."""
    return (tensor.float() if tensor.is_floating_point() else tensor).clone().contiguous()


def _load(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load every tensor, exactly: in float64 if the checkpoint is; half precision widens to the module's type."""
    if any(tensor.dtype == torch.float64 for tensor in state.values()):
        module.double()
    own = module.state_dict(keep_vars=True)
    present = {id(own[name]) for name in state if name in own}
    # A counter is no weight, and of names that share a tensor one is enough.
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in own.items()
        if name in state or not (_is_counter(name) or id(tensor) in present)
    }
    require_same(expected, {name: tuple(tensor.shape) for name, tensor in state.items()}, MODEL, source)
    for name, tensor in state.items():
        if tensor.is_floating_point() != own[name].is_floating_point():
            raise UserError(f"{source}: '{name}' is {tensor.dtype}, {MODEL} has {own[name].dtype}.")
    module.load_state_dict(state, strict=False)


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] in NOT_WEIGHTS
