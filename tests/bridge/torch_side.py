"""What a worker does on the torch side. Arrays travel in .npz and .safetensors files."""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from tests.bridge.cases import CASES, Case
from tests.bridge.torch_models import MODELS, ChannelsFirst
from twotrack.shared.axes.layout import ChannelLayout
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.profiles import Switches
from twotrack.torch_track import checkpoints, weights
from twotrack.torch_track.axes import axis_layout, channels_last
from twotrack.torch_track.inputs import tensors
from twotrack.torch_track.state_files import read_state
from twotrack.torch_track.track_model import TorchModel


def describe() -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the canonical shapes of every case."""
    return {
        name: {key: array.shape for key, array in _weights(name, build()).items()} for name, build in MODELS.items()
    }


def run(folder: Path) -> dict[str, list[str]]:
    """For every case: load, read back, run forward and backward; return the names of trainable weights."""
    return {name: _run(name, folder) for name in MODELS}


def _run(name: str, folder: Path) -> list[str]:
    module, case = MODELS[name]().double().eval(), CASES[name]
    given = dict(np.load(folder / f"{name}.given.npz"))
    inputs = tensors(
        {key: given.pop(key) for key in _inputs(name, module)}, _inputs(name, module), "cpu", torch.float64
    )
    weights.load_weights(module, _layout(name, module).weights, given, case.rename)
    (outputs,) = channels_last([module(*inputs)], _layout(name, module).outputs)
    found = {f"weight.{key}": array for key, array in _weights(name, module).items()}
    cotangent = np.random.default_rng(5).normal(size=outputs.shape)
    np.save(folder / f"{name}.cotangent.npy", cotangent)
    (outputs * torch.from_numpy(cotangent)).sum().backward()
    gradients = weights.gradients(module, _layout(name, module).weights, case.rename)
    found |= {f"gradient.{key}": array for key, array in gradients.items()}
    np.savez(folder / f"{name}.torch.npz", outputs=outputs.detach().numpy(), **found)
    return list(gradients)


def _weights(name: str, module: nn.Module) -> dict[str, np.ndarray]:
    return weights.weights(module, _layout(name, module).weights, CASES[name].rename)


def _layout(name: str, module: nn.Module) -> ChannelLayout:
    """Return what is found by following the module."""
    return axis_layout(module, _inputs(name, module))


def _inputs(name: str, module: nn.Module) -> dict[str, Input]:
    return {f"input{number}": _input(CASES[name], shape, module) for number, shape in enumerate(CASES[name].inputs)}


def _input(case: Case, shape: tuple[int, ...], module: nn.Module) -> Input:
    axes = tuple(range(len(shape) + 1))
    own = (0, axes[-1], *axes[1:-1]) if isinstance(module, ChannelsFirst) else axes
    return Input(shape, "tokens" if case.vocabulary else "real", case.vocabulary or 2, own)


def write_checkpoints(folder: Path, extension: str) -> None:
    """For every case: a state_dict of random numbers in a file, and that file in canonical form."""
    for name, build in MODELS.items():
        torch.manual_seed(1)
        module = build()
        _randomise(module)
        state = {key: tensor.detach().clone().contiguous() for key, tensor in module.state_dict().items()}
        path = folder / f"{name}.{extension}"
        if extension == "pt":
            torch.save({"state_dict": state, "epoch": 3}, path)
        else:
            checkpoints.save_file(state, path)
        np.savez(folder / f"{name}.state.npz", **{key: tensor.numpy() for key, tensor in state.items()})
        canonical, notes = checkpoints.read(path, lambda _, build=build, name=name: _track_model(name, build()))
        assert notes == []
        save_file(canonical, folder / f"{name}.canonical.safetensors")


def _randomise(module: nn.Module) -> None:
    """Give every weight random numbers, some of them odd, and a second bias that Keras has no room for zeros."""
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                odd = torch.tensor([-0.0, float("nan"), float("inf"), 1e-45])[: tensor.numel()]
                tensor.normal_().view(-1)[: len(odd)] = odd
        for name in weights.second_biases(module):
            module.get_parameter(name).zero_()


def read_checkpoints(folder: Path, extension: str) -> None:
    """For every case: write what came back from Keras as a state_dict."""
    for name, build in MODELS.items():
        canonical = load_file(folder / f"{name}.from_keras.safetensors")
        path = folder / f"{name}.back.{extension}"
        checkpoints.write(path, canonical, lambda _, build=build, name=name: _track_model(name, build()))
        state = torch.load(path, weights_only=True) if path.suffix == ".pt" else read_state(path)
        build().load_state_dict(state)
        np.savez(folder / f"{name}.back.npz", **{key: tensor.numpy() for key, tensor in state.items()})


def _track_model(name: str, module: nn.Module) -> TorchModel:
    """Return the module as the track's model."""
    layout, renames = _layout(name, module), weights.renames(module, CASES[name].rename)
    return TorchModel(module, {}, "mean_squared_error", "cpu", torch.float32, Switches(), layout, renames)
