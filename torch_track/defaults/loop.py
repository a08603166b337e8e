"""What stands around the model in PyTorch: batches, seeds, stopping, networks, the step itself."""

import pkgutil

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from twotrack.shared.differences import samples
from twotrack.shared.differences.measured import Measured


def fit_batches() -> Measured:
    """DataLoader over 64 examples."""
    loader = DataLoader(range(64))
    return Measured({"batch size": loader.batch_size, "shuffles": isinstance(loader.sampler, RandomSampler)})


def seeding() -> Measured:
    """torch.manual_seed."""
    torch.manual_seed(1)
    torch.manual_seed(0)
    return Measured({"seeds torch": torch.initial_seed() == 0})


def early_stopping() -> Measured:
    """torch has none."""
    modules = [module.name for module in pkgutil.walk_packages(torch.optim.__path__)] + dir(torch.optim)
    return Measured({"exists": any("early" in name.lower() for name in modules)})


def pretrained_networks() -> Measured:
    """torch itself has none."""
    networks = ("resnet", "efficientnet", "vit", "convnext")
    return Measured({"networks in torch itself": any(name.lower().startswith(networks) for name in dir(nn))})


def variables_of_one_path() -> Measured:
    """Second step of two linear layers, over the first; the loss is their sum."""
    twins = [nn.Linear(1, 1, bias=False) for _ in range(2)]
    optimizer = torch.optim.SGD([one.weight for one in twins], lr=1.0)
    path = [_weights(twins)]
    for _ in range(2):
        optimizer.zero_grad()
        sum(one(torch.ones(1, 1)) for one in twins).backward()
        optimizer.step()
        path.append(_weights(twins))
    ratio = (path[2] - path[1]) / (path[1] - path[0])
    return Measured({"largest second step over the first": ratio.max()}, ratio)


def _weights(layers: list[nn.Linear]) -> np.ndarray:
    return np.array([one.weight.item() for one in layers])


def variable_reads() -> Measured:
    """Error of a step under a loss that is linear in the outputs."""
    torch.manual_seed(0)
    layers = [nn.Linear(*sizes, bias=False) for sizes in ((3, 4), (4, 4), (4, 1))]
    before = [one.weight.detach().numpy().T.copy() for one in layers]
    optimizer = torch.optim.SGD(nn.ModuleList(layers).parameters(), lr=1.0)
    nn.Sequential(*layers)(torch.from_numpy(samples.SEQUENCE[0])).mean().backward()
    optimizer.step()
    error = samples.linear_step_error(before, [one.weight.detach().numpy().T for one in layers])
    return Measured({"the step is right": error <= samples.STEP_ERROR}, error)
