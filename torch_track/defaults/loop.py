"""What stands around the model in PyTorch: batches, seeds, stopping, networks, the step itself."""

import pkgutil

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from twotrack.shared.base.tolerances import STEP_ERROR
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def fit_batches() -> Measured:
    """DataLoader over 64 examples."""
    loader = DataLoader(TensorDataset(torch.zeros(64)))
    return Measured({"batch size": loader.batch_size or 0, "shuffles": isinstance(loader.sampler, RandomSampler)})


@DEFAULTS.measures
def seeding() -> Measured:
    """torch.manual_seed."""
    torch.manual_seed(1)
    torch.manual_seed(0)
    return Measured({"seeds torch": torch.initial_seed() == 0})


@DEFAULTS.measures
def early_stopping() -> Measured:
    """torch has none."""
    modules = [module.name for module in pkgutil.walk_packages(torch.optim.__path__)] + dir(torch.optim)
    return Measured({"exists": any("early" in name.lower() for name in modules)})


@DEFAULTS.measures
def random_translation() -> Measured:
    """torch itself has none."""
    return Measured({"exists": any("translat" in name.lower() for name in dir(nn) + dir(nn.functional))})


@DEFAULTS.measures
def random_layers() -> Measured:
    """torch itself has none."""
    return Measured({"exist": any(name.startswith("Random") for name in dir(nn))})


@DEFAULTS.measures
def pretrained_networks() -> Measured:
    """torch itself has none."""
    networks = ("resnet", "efficientnet", "vit", "convnext")
    return Measured({"networks in torch itself": any(name.lower().startswith(networks) for name in dir(nn))})


@DEFAULTS.measures
def variables_of_one_path() -> Measured:
    """Second step of two linear layers, over the first; the loss is their sum."""
    twins = [nn.Linear(1, 1, bias=False) for _ in range(2)]
    optimizer = torch.optim.SGD([twin.weight for twin in twins], lr=1.0)
    path = [_weights(twins)]
    for _ in range(2):
        optimizer.zero_grad()
        sum(twin(torch.ones(1, 1)) for twin in twins).backward()
        optimizer.step()
        path.append(_weights(twins))
    ratio = (path[2] - path[1]) / (path[1] - path[0])
    return Measured({"largest second step over the first": ratio.max()}, ratio)


def _weights(layers: list[nn.Linear]) -> np.ndarray:
    return np.array([layer.weight.item() for layer in layers])


@DEFAULTS.measures
def variable_reads() -> Measured:
    """Error of a step under a loss that is linear in the outputs."""
    torch.manual_seed(0)
    layers = [nn.Linear(*sizes, bias=False) for sizes in ((3, 4), (4, 4), (4, 1))]
    before = [layer.weight.detach().numpy().T.copy() for layer in layers]
    optimizer = torch.optim.SGD(nn.ModuleList(layers).parameters(), lr=1.0)
    nn.Sequential(*layers)(torch.from_numpy(samples.SEQUENCE[0])).mean().backward()
    optimizer.step()
    error = samples.linear_step_error(before, [layer.weight.detach().numpy().T for layer in layers])
    return Measured({"the step is right": error <= STEP_ERROR}, error)
